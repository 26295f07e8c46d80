"""The commands of the data stage: ``e3d data fetch``, ``read``, ``split``, ``subset``, ``sample``, ``label``, ..."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from e3d import options
from e3d.errors import InputError

Arguments = argparse.Namespace
Command = Callable[..., argparse.ArgumentParser]
_THEORY = "spice, gfn2, or the full name of a theory that can be computed"


def add_commands(commands: Any, command: Command) -> None:
    """Add ``e3d data`` and its verbs; ``command`` makes a parser with ``-o`` and ``--log``."""
    data = commands.add_parser("data", help="fetch, make, read, mix and split datasets; choose subsets")
    verbs = data.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_fetch(verbs, command)
    _add_store(verbs, command)
    _add_make(verbs, command)


def _add_fetch(verbs: Any, command: Command) -> None:
    fetch = command(
        verbs,
        "fetch",
        _fetch,
        "Download the file of the dataset NAME and check it; a download that was cut goes on where it stopped.",
        default_output="default: the dataset's path",
    )
    fetch.add_argument("name", metavar="NAME", help="a dataset of --datasets")
    fetch.add_argument("--datasets", type=Path, default=Path("config/datasets.yaml"), help="default: %(default)s")
    fetch.add_argument("--url", help="fetch from here into -o, without reading --datasets; with the next three")
    fetch.add_argument("--bytes", type=options.size, help="expected size; not checked if empty")
    fetch.add_argument("--md5", default="", help="expected checksum; not checked if empty")
    fetch.add_argument("--sha256", default="", help="expected checksum; not checked if empty")


def _add_store(verbs: Any, command: Command) -> None:
    read = command(verbs, "read", _read, "Read FILE and write the store of its frames.", "FILE")
    read.add_argument("--layout", help="how FILE is arranged, such as spice")
    read.add_argument("--theory", help="level of theory (default: SPICE's)")
    read.add_argument("--sha256", default="", help="expected checksum of FILE; not checked if empty")
    read.add_argument("--settings", help="JSON with the keys of an entry of config/datasets.yaml")
    split = command(verbs, "split", _split, "Assign every frame to the pool or a test set.", "STORE")
    split.add_argument("--seed", type=options.natural, default=0)
    split.add_argument("--test-molecules", type=options.fraction, default=0.15)
    split.add_argument("--test-conformations", type=options.fraction, default=0.17)
    split.add_argument("--validation", type=options.fraction, default=0.12)
    subset = command(verbs, "subset", _subset, "Choose N frames of the training pool.", "STORE")
    subset.add_argument("--splits", type=Path, required=True, help="table written by `e3d data split`")
    subset.add_argument("--n", type=int, required=True, help="number of frames")
    subset.add_argument("--seed", type=options.natural, default=0)
    subset.add_argument("--strategy", default="random", help="random, smallest or farthest-composition")
    subset.add_argument("--subsets", nargs="*", default=(), help="only these subsets of the source")
    subset.add_argument("--elements", nargs="*", default=(), help="only frames of these elements")
    subset.add_argument("--min-atoms", type=int, default=1, help="only frames of at least so many atoms")
    subset.add_argument("--max-atoms", type=int, default=0, help="... and at most so many; 0: no limit")
    mix = command(verbs, "mix", _mix, "Mix STOREs into one, aligned on isolated atoms.", "STORES+")
    mix.add_argument(
        "--shares", nargs="+", required=True, type=options.share, metavar="NAME=SHARE", help="one for each store"
    )
    mix.add_argument("--apply-residual", action="store_true", help="also take the residual per element off")


def _add_make(verbs: Any, command: Command) -> None:
    sample = command(verbs, "sample", _sample, "Sample conformations of a list of SMILES by GFN2-xTB.", "MOLECULES")
    sample.add_argument("--conformations", type=options.count, default=50, help="of each molecule, even, at most 50")
    sample.add_argument("--seed", type=options.natural, default=0)
    label = command(verbs, "label", _label, "Label the conformations of GEOMETRIES (SPICE layout).", "GEOMETRIES")
    label.add_argument("--chunk", type=options.count, help="conformations a process takes at a time (by the theory)")
    label.add_argument("--max-hours", type=options.hours, help="start nothing after this time; write what is finished")
    label.add_argument("--known", type=Path, help="file labelled before: its conformations are not computed again")
    label.add_argument("--retry-failed", action="store_true", help="compute again what failed before")
    check = command(verbs, "check-labels", _check, "Compute random conformations of LABELS again.", "LABELS")
    check.add_argument("--n", type=options.count, default=20, help="conformations")
    check.add_argument("--seed", type=options.natural, default=0)
    atoms = command(verbs, "atoms", _atoms, "Compute the energies of isolated neutral atoms.")
    atoms.add_argument("--elements", nargs="+", required=True, metavar="ELEMENT")
    command(verbs, "references", _references, "Write the geometries a TABLE of named bonds needs.", "TABLE")
    energies = command(verbs, "reference-energies", _energies, "De, mean bond energies from LABELS.", "LABELS", "TABLE")
    energies.add_argument("--barriers", type=Path, required=True, help="table of barrier heights to write as well")
    for parser in (sample, label, check):
        parser.add_argument("--jobs", type=options.count, default=1, help="processes, one thread each")
    for parser in (label, check, atoms):
        parser.add_argument("--theory", required=True, help=_THEORY)
    reactions = command(verbs, "reactions", _reactions, "Find the paths of REACTIONS by NEB at GFN2-xTB.", "REACTIONS")
    reactions.add_argument("--images", type=options.count, default=9, help="of a path, ends included (default: 9)")
    scans = command(verbs, "scans", _scans, "Stretch bonds of TABLE from relaxed MOLECULES.", "TABLE", "MOLECULES")
    scans.add_argument("--bonds", nargs="+", required=True, metavar="BOND", help="names of the table's column bond")
    command(verbs, "relax", _relax, "Relax the molecules of a TABLE of named bonds by GFN2-xTB.", "TABLE")


def _fetch(arguments: Arguments) -> None:
    from e3d.data.fetch.run import Fingerprint, Source, fetch, find_source

    if arguments.url is None:
        source, path = find_source(arguments.datasets, arguments.name)
        fetch(source, arguments.output or path)
    elif arguments.output is None:
        raise InputError(f"--url {arguments.url}: nothing says where the file goes. Give it a name after -o.")
    else:
        expected = Fingerprint(arguments.bytes, arguments.md5 or None, arguments.sha256 or None)
        fetch(Source(arguments.name, arguments.url, expected), arguments.output)


def _read(arguments: Arguments) -> None:
    from e3d.data.read import read_entry
    from e3d.data.theory import SPICE
    from e3d.schema import validate

    defaults = {"path": str(arguments.file), "layout": "spice", "theory": SPICE.name, "source": "", "licence": ""}
    entry = defaults | (options.json_object(arguments.settings) if arguments.settings else {})
    for key in ("layout", "theory", "sha256"):
        if getattr(arguments, key):
            entry[key] = getattr(arguments, key)
    read_entry(arguments.file, arguments.output, validate({"FILE": entry}, "datasets")["FILE"])


def _split(arguments: Arguments) -> None:
    from e3d.data.split import SplitSettings, split_store

    names = ("seed", "test_molecules", "test_conformations", "validation")
    settings = SplitSettings(**{name: getattr(arguments, name) for name in names})
    split_store(arguments.store, arguments.output, settings)


def _subset(arguments: Arguments) -> None:
    from e3d.data.choose import Choice, choose

    choice = Choice(
        seed=arguments.seed,
        strategy=arguments.strategy,
        subsets=tuple(arguments.subsets),
        elements=tuple(arguments.elements),
        min_atoms=arguments.min_atoms,
        max_atoms=arguments.max_atoms,
    )
    choose(arguments.store, arguments.splits, arguments.output, n=arguments.n, choice=choice)


def _mix(arguments: Arguments) -> None:
    from e3d.data.mix import Part, mix

    if len(arguments.shares) != len(arguments.stores):
        raise InputError(
            f"--shares: {len(arguments.shares)} for {len(arguments.stores)} stores - one for each is needed, in the "
            "same order. Fix --shares."
        )
    parts = [Part(name, store, share) for (name, share), store in zip(arguments.shares, arguments.stores, strict=True)]
    mix(parts, arguments.output, apply_residual=arguments.apply_residual)


def _references(arguments: Arguments) -> None:
    from e3d.data.make.references import reference_geometries

    reference_geometries(arguments.table, arguments.output)


def _energies(arguments: Arguments) -> None:
    from e3d.data.make.references import barriers, bond_energies

    bond_energies(arguments.labels, arguments.table, arguments.output)
    barriers(arguments.labels, arguments.barriers)


def _sample(arguments: Arguments) -> None:
    from e3d.data.make.sample import Recipe, sample_file

    recipe = Recipe(arguments.conformations, arguments.seed)
    sample_file(arguments.molecules, arguments.output, recipe, jobs=arguments.jobs)


def _label(arguments: Arguments) -> None:
    from e3d.data.make.label.run import label_file
    from e3d.data.make.label.theories import theory_named

    label_file(
        arguments.geometries,
        arguments.output,
        theory=theory_named(arguments.theory),
        jobs=arguments.jobs,
        chunk=arguments.chunk,
        max_hours=arguments.max_hours,
        retry_failed=arguments.retry_failed,
        known=arguments.known,
    )


def _check(arguments: Arguments) -> None:
    from e3d.data.make.label.check import check_labels
    from e3d.data.make.label.theories import theory_named

    theory = theory_named(arguments.theory)
    check_labels(
        arguments.labels, arguments.output, theory=theory, n=arguments.n, seed=arguments.seed, jobs=arguments.jobs
    )


def _atoms(arguments: Arguments) -> None:
    from e3d.data.make.label.atoms import atoms_table
    from e3d.data.make.label.theories import theory_named

    atoms_table(theory_named(arguments.theory), arguments.elements, arguments.output)


def _relax(arguments: Arguments) -> None:
    from e3d.data.make.relax import relax_named

    relax_named(arguments.table, arguments.output)


def _reactions(arguments: Arguments) -> None:
    from e3d.data.make.reactions import reaction_file

    reaction_file(arguments.reactions, arguments.output, images=arguments.images)


def _scans(arguments: Arguments) -> None:
    from e3d.data.make.stretch import stretch_file

    stretch_file(arguments.table, arguments.molecules, arguments.bonds, arguments.output)
