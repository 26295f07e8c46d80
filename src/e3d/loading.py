"""A model as it is, or that of its file: torch is imported only where a file is loaded."""

from pathlib import Path

from e3d.potential import LoadedModel


def loaded(model: LoadedModel | Path, device: str) -> LoadedModel:
    """Return a model as it is, or that of a file, loaded on ``device``.

    Raises
    ------
    InputError
        If the file cannot be loaded.
    """
    if not isinstance(model, Path):
        return model
    from e3d.models import load_model

    return load_model(model, device)
