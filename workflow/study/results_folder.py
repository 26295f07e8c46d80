"""Where a study may write: a folder of its own, and nothing that other things are kept in."""

import os
from pathlib import Path
from typing import Final

from e3d.errors import InputError
from study.stages import NAMES

PROJECT: Final = (
    *("src", "workflow", "config", "resources", "envs", "cluster", "profiles", "tests", "docs"),
    *("benchmarks", "results/published", ".git", ".snakemake", ".venv"),
)
"""Folders of the project itself, relative to the folder Snakemake runs in."""
_OF_STUDIES: Final = ("logs", "costs", "figures", "figures-published", "data", "train", "published")
_PLANNED: Final = ".code"
"""Lies in the folder of every study, also of one that was only planned."""
_MENDED: Final = "Set `pathvars.results` to a folder of the study's own, such as results/mine."


def check_results(results: str) -> None:
    """Refuse results that would go among other files, or under two names.

    Parameters
    ----------
    results
        ``pathvars.results``, relative to the folder Snakemake runs in, or absolute.

    Raises
    ------
    InputError
        If it is not written in the shortest way, is no folder, has the project or the home folder
        in it, is a folder of the project, or has things in it of which none is a study's.
    """
    reason = _not_its_own(results)
    if reason is not None:
        raise InputError(f"pathvars.results = {results!r}: {reason}. {_MENDED}")


def _not_its_own(results: str) -> str | None:
    """Return why a study may not write into a folder; None if it may."""
    shortest = os.path.normpath(results)
    if results != shortest:
        return f"the same folder is {shortest!r}, and its files would have two names"
    folder = Path(results).resolve()
    here = Path.cwd().resolve()
    for place, name in ((here, "the project's folder"), (Path.home().resolve(), "your home")):
        if place.is_relative_to(folder):
            return f"is {name}" if place == folder else f"has {name} in it"
    for own in PROJECT:
        if folder.is_relative_to((here / own).resolve()):
            return f"is the project's own {own}, or lies in it"
    return _occupied(folder)


def _occupied(folder: Path) -> str | None:
    """Return why a folder that is there is no study's; None if it may be one's."""
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    if not nearest.is_dir():
        return f"{nearest} is a file"
    if nearest != folder:
        return None
    try:
        names = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
        of_studies = any(folder.glob(_PLANNED)) or any(folder.glob(f"*/{_PLANNED}"))
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if names and not of_studies and not {*_OF_STUDIES, *NAMES}.intersection(names):
        return f"holds {min(names)!r} and nothing of a study"
    return None
