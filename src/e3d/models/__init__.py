"""A trained Allegro model in float64, with energies, forces and edge energies."""

from e3d.collection import paused

with paused():  # nequip and what it imports are half a million objects, all there to stay
    from e3d.models.analysis import AnalysisModel
    from e3d.models.load import load_model

__all__ = ["AnalysisModel", "load_model"]
