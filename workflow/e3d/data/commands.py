"""The commands that make and mix data: ``e3d data sample``, ``label``, ``atoms``, ``mix`` and ``references``."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from e3d.errors import InputError

Arguments = argparse.Namespace
_THEORY = "spice, gfn2, or the full name of a theory that can be computed"


def add_commands(verbs: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands to the parsers ``verbs``; ``command`` makes one with ``-o`` and ``--log``."""
    sample = command(verbs, "sample", _sample, "Sample conformations of a list of SMILES by GFN2-xTB.", "MOLECULES")
    sample.add_argument("--conformations", type=_count, default=50, help="of each molecule, even, at most 50")
    sample.add_argument("--seed", type=_natural, default=0)
    label = command(verbs, "label", _label, "Label the conformations of GEOMETRIES (SPICE layout).", "GEOMETRIES")
    label.add_argument("--chunk", type=_count, help="conformations a process takes at a time (by the theory)")
    label.add_argument("--max-hours", type=_hours, help="start nothing after this time; write what is finished")
    label.add_argument("--retry-failed", action="store_true", help="compute again what failed before")
    atoms = command(verbs, "atoms", _atoms, "Compute the energies of isolated neutral atoms.")
    atoms.add_argument("--elements", nargs="+", required=True, metavar="ELEMENT")
    mix = command(verbs, "mix", _mix, "Mix STOREs into one, aligned on isolated atoms.", "STORES+")
    mix.add_argument("--shares", nargs="+", required=True, type=_share, metavar="NAME=SHARE", help="one for each store")
    mix.add_argument("--apply-residual", action="store_true", help="also take the residual per element off")
    command(verbs, "references", _references, "Write the geometries a TABLE of named bonds needs.", "TABLE")
    energies = command(verbs, "reference-energies", _energies, "De, mean bond energies from LABELS.", "LABELS", "TABLE")
    energies.add_argument("--barriers", type=Path, required=True, help="table of barrier heights to write as well")
    for parser in (sample, label):
        parser.add_argument("--jobs", type=_count, default=1, help="processes, one thread each")
    for parser in (label, atoms):
        parser.add_argument("--theory", required=True, help=_THEORY)


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} - must be a whole number from 0")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} - must be a whole number from 1")
    return int(text)


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = -1.0
    if not 0 <= hours < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} - must be a number of hours from 0")
    return hours


def _share(text: str) -> tuple[str, float]:
    name, _, share = text.partition("=")
    try:
        return name, float(share)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} - must be NAME=SHARE, such as minispice=0.5") from None


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
    from e3d.data.references import reference_geometries

    reference_geometries(arguments.table, arguments.output)


def _energies(arguments: Arguments) -> None:
    from e3d.data.references import barriers, bond_energies

    bond_energies(arguments.labels, arguments.table, arguments.output)
    barriers(arguments.labels, arguments.barriers)


def _sample(arguments: Arguments) -> None:
    from e3d.data.sample import Recipe, sample_file

    recipe = Recipe(arguments.conformations, arguments.seed)
    sample_file(arguments.molecules, arguments.output, recipe, jobs=arguments.jobs)


def _label(arguments: Arguments) -> None:
    from e3d.data.label.run import label_file
    from e3d.data.label.theories import theory_named

    label_file(
        arguments.geometries,
        arguments.output,
        theory=theory_named(arguments.theory),
        jobs=arguments.jobs,
        chunk=arguments.chunk,
        max_hours=arguments.max_hours,
        retry_failed=arguments.retry_failed,
    )


def _atoms(arguments: Arguments) -> None:
    from e3d.data.label.atoms import atoms_table
    from e3d.data.label.theories import theory_named

    atoms_table(theory_named(arguments.theory), arguments.elements, arguments.output)
