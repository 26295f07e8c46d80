"""A trained Allegro model in float64, with energies, forces and edge energies."""

from e3d.models.analysis import AnalysisModel
from e3d.models.load import load_model

__all__ = ["AnalysisModel", "load_model"]
