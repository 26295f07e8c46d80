"""Entries of ``config/datasets.yaml``: a file that is there, fetched or made, or a mixture of other entries."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from e3d.errors import InputError, choices
from study.data.labelled import check_made

_OF_FILES = ("path", "layout", "theory")
_OF_MIXTURES = ("mix", "apply_residual", "source", "licence", "include_ionic")


def sources(names: Iterable[str], known: Mapping[str, Any]) -> list[str]:
    """Return the datasets that are read from files for ``names``: mixtures resolved, each once, in order."""
    found: dict[str, None] = {}
    for name in names:
        found |= dict.fromkeys(known[name].get("mix", (name,)))
    return list(found)


def read_options(entry: Mapping[str, Any]) -> list[str]:
    """Return the options of ``e3d data read`` that shape the store of an entry's file.

    Its checksum is not among them: it does not plan a reading again.
    """
    options = ["--layout", entry["layout"], "--theory", entry["theory"]]
    if "isolated_atom_energy_eV" in entry:
        atoms = entry["isolated_atom_energy_eV"].items()
        options += ["--isolated-atom-energy", *(f"{name}={energy!r}" for name, energy in atoms)]
    if "isolated_atoms" in entry:
        options += ["--isolated-atoms", entry["isolated_atoms"]]
    if "exclude_elements" in entry:
        options += ["--exclude-elements", *entry["exclude_elements"]]
    return options + ["--include-ionic"] * entry["include_ionic"]


def check_entries(names: Iterable[str], known: Mapping[str, Any], *, need_files: bool) -> None:
    """Refuse what cannot be read, fetched, made or mixed.

    Parameters
    ----------
    names
        Datasets of the study.
    known
        All entries.
    need_files
        Also refuse files that are not there and cannot be fetched or made.

    Raises
    ------
    InputError
        Naming the dataset and the key.
    """
    for name in names:
        if name not in known:
            raise InputError(
                f"dataset {name!r} is not in config/datasets.yaml - {choices(name, known)}. "
                "Fix `grid.dataset` or `controls`, or add the dataset there."
            )
        if "mix" in known[name]:
            _check_mixture(name, known)
    for name in sources(names, known):
        _check_source(name, known[name], need_files=need_files)


def _check_mixture(name: str, known: Mapping[str, Any]) -> None:
    entry = known[name]
    extra = [
        key for key in entry if key not in _OF_MIXTURES or (key == "include_ionic" and entry[key])
    ]
    if extra:
        raise InputError(
            f"dataset {name!r}: is a mixture and has {extra[0]!r}, which belongs to the datasets it is mixed from. "
            "Move it there, or remove `mix`."
        )
    for part in entry["mix"]:
        if part not in known or "mix" in known[part]:
            plain = [other for other, values in known.items() if "mix" not in values]
            raise InputError(
                f"dataset {name!r}: mix has {part!r}, which is no dataset with a file of its own - "
                f"{choices(part, plain)}. Fix the name."
            )


def _check_source(name: str, entry: Mapping[str, Any], *, need_files: bool) -> None:
    missing = [key for key in _OF_FILES if key not in entry]
    if missing:
        raise InputError(
            f"dataset {name!r}: lacks {missing[0]!r}; a dataset has {', '.join(_OF_FILES)}, or `mix`. Add it."
        )
    check_made(name, entry)
    given = [("path", "url")] * ("molecules" not in entry) + [
        ("isolated_atoms", "isolated_atoms_url")
    ]
    for key, address in given:
        if need_files and key in entry and address not in entry and not Path(entry[key]).is_file():
            raise InputError(
                f"dataset {name!r}: {entry[key]} is not there, and it has no `{address}` to fetch it from. Fix its "
                f"`{key}` in config/datasets.yaml (relative to the folder Snakemake runs in), put the file there, or "
                f"add a `{address}`."
            )
