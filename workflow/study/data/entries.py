"""Entries of ``config/datasets.yaml``: a file, a mixture of others, or the frames of another.

A file is there, is fetched (``url``), or is labelled by the workflow: from conformations that are
there (``geometries``), or that it samples first (``molecules``), into ``geometries`` where two
datasets share them.
"""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from e3d.errors import InputError, choices
from e3d.fields import NAMED_BONDS, TEST_IONIC, TEST_SPLITS
from e3d_labels.programs import program_of
from study.fields import TEST_ALL, set_name

Entry = Mapping[str, Any]
_OF_FILES = ("path", "layout", "theory")
_OF_MIXTURES = ("mix", "apply_residual", "source", "licence", "include_ionic")
_OF_PARTS = (
    "same_as",
    "training_molecules",
    "teacher",
    "source",
    "licence",
    "include_ionic",
    "apply_residual",
)
_ONLY_OF_PARTS = ("training_molecules", "teacher")
_OF_SAMPLING = ("conformations", "seed", "sampling")
_LABELLED_FROM = ("molecules", "geometries")
_SUFFIX = ".hdf5"
_MADE_BY = ("url", *_LABELLED_FROM, *_OF_SAMPLING, "theory")
"""What decides on the content of a file; two entries may read one file otherwise."""


def sources(names: Iterable[str], known: Mapping[str, Any]) -> list[str]:
    """Return the datasets that are read from files for ``names``: others resolved, each once."""
    found: dict[str, None] = {}
    for name in names:
        whole = known[name].get("same_as", name)
        found |= dict.fromkeys(known[whole].get("mix", (whole,)))
    return list(found)


def is_labelled(entry: Entry) -> bool:
    """Say whether the file of an entry is labelled by the workflow."""
    return any(key in entry for key in _LABELLED_FROM)


def geometries_of(entry: Entry) -> str:
    """Return the file of conformations that a labelled dataset is made from."""
    made = f"{entry['path'].removesuffix(_SUFFIX)}.geometries{_SUFFIX}"
    return str(entry.get("geometries", made))


def frames_of(name: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return what decides on the frames of a dataset, beside its labels, as far as it is known.

    That is the part of its molecules, the shares of its mixture, and of each file that is labelled
    by the workflow what it is labelled from; nothing is known of other files.
    """
    entry = known[name]
    whole = entry.get("same_as", name)
    frames: dict[str, Any] = {"training_molecules": entry.get("training_molecules")}
    mix = known[whole].get("mix", {whole: 1})
    frames["shares of `mix`"] = [share / sum(mix.values()) for share in mix.values()]
    for k, part in enumerate(mix):
        if is_labelled(known[part]):
            made = {key: known[part].get(key) for key in (*_LABELLED_FROM, *_OF_SAMPLING)}
            frames |= {f"{key} of part {k + 1}": value for key, value in made.items()}
    return frames


def read_options(entry: Entry) -> list[str]:
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
    """Refuse what cannot be read, fetched, labelled or mixed.

    Parameters
    ----------
    names
        Datasets of the study.
    known
        All entries.
    need_files
        Also refuse files that are not there and that nothing brings there.

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
        if "same_as" in known[name]:
            _check_part(name, known)
        if "mix" in known[known[name].get("same_as", name)]:
            _check_mixture(known[name].get("same_as", name), known)
    made: dict[Path, str] = {}
    for name in sources(names, known):
        entry = known[name]
        _check_source(name, entry, need_files=need_files)
        _check_made_once("path", entry["path"], name, known, made, _MADE_BY)
        if "molecules" in entry:
            file = geometries_of(entry)
            _check_made_once("geometries", file, name, known, made, ("molecules", *_OF_SAMPLING))


def _check_made_once(
    key: str,
    file: str,
    name: str,
    known: Mapping[str, Any],
    made: dict[Path, str],
    by: Iterable[str],
) -> None:
    """Refuse a file that two entries make in two ways; ``made`` has the first of each file."""
    other = made.setdefault(Path(file).resolve(), name)
    if any(known[name].get(setting) != known[other].get(setting) for setting in by):
        raise InputError(
            f"dataset {name!r}: has the `{key}` of {other!r}, {file}, and is made otherwise - one "
            f"file cannot be both. Give it a `{key}` of its own."
        )


def check_tests(
    names: Iterable[str], trained_on: Collection[str], known: Mapping[str, Any]
) -> None:
    """Refuse test datasets that runs are trained on, of another theory, or with another's name.

    Raises
    ------
    InputError
        Naming the dataset.
    """
    taken = [*TEST_SPLITS, TEST_IONIC, TEST_ALL, NAMED_BONDS]
    parts = sources(trained_on, known)
    files = {Path(known[part]["path"]).resolve(): part for part in parts}
    theories = sorted({str(known[part]["theory"]) for part in parts})
    for name in names:
        if {"mix", "same_as"} & set(known[name]):
            what = "a mixture" if "mix" in known[name] else "the same as another"
            raise InputError(
                f"tests: {name!r} is {what} - a test dataset has a file of its own. Name "
                "another, or remove it."
            )
        if part := files.get(Path(known[name]["path"]).resolve()):
            raise InputError(
                f"tests: {name!r} has frames that runs are trained on, those of {part!r} - no run "
                "may be trained on a test dataset. Name another, or remove it."
            )
        if known[name]["theory"] not in theories:
            raise InputError(
                f"tests: {name!r} has labels of {known[name]['theory']}, and runs are trained on "
                f"those of {', '.join(theories)} - errors between two theories are none of a "
                "model. Name a dataset of one theory with the runs, or remove it."
            )
        if set_name(name) in taken:
            raise InputError(
                f"tests: the frames of {name!r} would be called {set_name(name)} in tables, as "
                f"others are - taken: {', '.join(taken)}. Rename the dataset."
            )
        taken.append(set_name(name))


def _check_mixture(name: str, known: Mapping[str, Any]) -> None:
    entry = known[name]
    allowed = [key for key in _OF_MIXTURES if key != "include_ionic" or not entry[key]]
    extra = [key for key in entry if key not in allowed]
    if extra:
        raise InputError(
            f"dataset {name!r}: is a mixture and has {extra[0]!r}, which belongs to the datasets "
            "it is mixed from. Move it there, or remove `mix`."
        )
    for part in entry["mix"]:
        if part not in known or {"mix", "same_as"} & set(known[part]):
            plain = [name for name, one in known.items() if not {"mix", "same_as"} & set(one)]
            raise InputError(
                f"dataset {name!r}: mix has {part!r}, which is no dataset with a file of its own - "
                f"{choices(part, plain)}. Fix the name."
            )


def _check_part(name: str, known: Mapping[str, Any]) -> None:
    """Refuse a dataset with the frames of another that is none, or has more of its own."""
    entry = known[name]
    extra = [key for key in entry if key not in _OF_PARTS or entry[key] is True]
    if extra:
        raise InputError(
            f"dataset {name!r}: has `same_as` and {extra[0]!r}, which belongs to the dataset that "
            "it is the same as. Move it there, or remove `same_as`."
        )
    whole = entry["same_as"]
    if whole not in known or "same_as" in known[whole]:
        plain = [other for other, values in known.items() if "same_as" not in values]
        raise InputError(
            f"dataset {name!r}: same_as is {whole!r}, no dataset with frames of its own - "
            f"{choices(whole, plain)}. Fix the name."
        )
    if "teacher" in entry and not Path(entry["teacher"]).is_file():
        raise InputError(
            f"dataset {name!r}: its teacher {entry['teacher']} is not there. Fix its `teacher` "
            "(relative to the folder Snakemake runs in), or fetch it: e3d model fetch NAME."
        )
    first, last = entry.get("training_molecules", (0, 1))
    if not first < last:
        raise InputError(
            f"dataset {name!r}: training_molecules is [{first}, {last}] - the first number must be "
            "below the second: [0, 50] are the first fifty. Set it."
        )


def _check_source(name: str, entry: Entry, *, need_files: bool) -> None:
    missing = [key for key in _OF_FILES if key not in entry]
    if missing:
        raise InputError(
            f"dataset {name!r}: lacks {missing[0]!r}; a dataset has {', '.join(_OF_FILES)}, or "
            "`mix`. Add it."
        )
    _check_unread(name, entry)
    check_labelled(name, entry)
    files = [("isolated_atoms", "isolated_atoms_url")]
    if not is_labelled(entry):
        files.insert(0, ("path", "url"))
    for key, address in files:
        if need_files and key in entry and address not in entry and not Path(entry[key]).is_file():
            raise InputError(
                f"dataset {name!r}: {entry[key]} is not there, and it has no `{address}` to fetch "
                f"it from. Fix its `{key}` in config/datasets.yaml (relative to the folder "
                f"Snakemake runs in), put the file there, or add a `{address}`."
            )


def _check_unread(name: str, entry: Entry) -> None:
    """Refuse keys that nothing would read, and elements that are none, of a dataset with a file."""
    for key in _ONLY_OF_PARTS:
        if key in entry:
            raise InputError(
                f"dataset {name!r}: has a file of its own and {key!r}, which is for datasets with "
                "`same_as`. Add a dataset that is the same as this one, with the key, and train on "
                "that."
            )
    if entry["apply_residual"]:
        raise InputError(
            f"dataset {name!r}: apply_residual is for a mixture (`mix`), and it is none. Remove it."
        )
    if {"isolated_atoms", "isolated_atom_energy_eV"} <= entry.keys():
        raise InputError(
            f"dataset {name!r}: has isolated_atoms and isolated_atom_energy_eV, and one of the two "
            "says what an atom has. Remove the other."
        )
    if "isolated_atoms_url" in entry and "isolated_atoms" not in entry:
        raise InputError(
            f"dataset {name!r}: isolated_atoms_url is where `isolated_atoms` is fetched from, and "
            "it has none. Name the file, or remove the address."
        )
    for key in ("exclude_elements", "isolated_atom_energy_eV"):
        check_elements(f"dataset {name!r}: {key}", entry.get(key, ()))


def check_elements(where: str, names: Iterable[str]) -> None:
    """Refuse what is no symbol of an element; ``where`` it stands.

    Raises
    ------
    InputError
        Naming it.

    Examples
    --------
    >>> check_elements("subset.elements", ["H", "Cl"])
    """
    for name in names:
        from e3d.chemistry import number  # RDKit takes a while, and few studies name elements

        try:
            number(name)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None


def check_labelled(name: str, entry: Entry) -> None:
    """Refuse an entry that is to be sampled and labelled here and cannot be.

    Raises
    ------
    InputError
        Naming the key.
    """
    if (reason := _not_labelled(entry)) is not None:
        raise InputError(f"dataset {name!r}: {reason}")


def _not_labelled(entry: Entry) -> str | None:
    """Return why an entry cannot be sampled and labelled, and how to mend it; None if it can."""
    if "molecules" not in entry:
        lost = [key for key in _OF_SAMPLING if key in entry]
        if lost:
            return (
                f"{lost[0]} is for datasets that are sampled here, and it has no `molecules` to "
                "sample. Name a list of SMILES, or remove the key."
            )
    if not is_labelled(entry):
        return None
    made_from = next(key for key in _LABELLED_FROM if key in entry)
    if "url" in entry:
        return f"has `{made_from}` and `url` - it is labelled here, or fetched. Keep one of them."
    if entry["path"] == entry.get("geometries"):
        return "has one file as `path` and `geometries`. Give the labels a `path` of their own."
    if entry["layout"] != "spice" or not entry["path"].endswith(_SUFFIX):
        return (
            f"{entry['path']} in layout {entry['layout']} - a dataset that is labelled here is "
            f"written as `*{_SUFFIX}` in layout spice. Fix its `path` and `layout`."
        )
    if entry.get("conformations", 2) % 2:
        return (
            f"conformations = {entry['conformations']} - must be even, since they come in pairs. "
            "Fix the value."
        )
    if not Path(entry[made_from]).is_file():
        return (
            f"{entry[made_from]} is not there. Fix its `{made_from}` (relative to the folder "
            "Snakemake runs in)."
        )
    try:
        theory = program_of(entry["theory"]).theory
    except InputError as error:
        return str(error)
    if theory != entry["theory"]:
        return f"theory {entry['theory']!r} - the full name is needed. Write {theory}."
    return None
