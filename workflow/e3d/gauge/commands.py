"""The commands of the gauge stage: ``e3d gauge rigidity`` of one run, ``e3d gauge tables`` of a study."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

Arguments = argparse.Namespace
Command = Callable[..., argparse.ArgumentParser]


def add_commands(commands: Any, command: Command) -> None:
    """Add ``e3d gauge`` and its verbs; ``command`` makes a parser with ``-o`` and ``--log``."""
    gauge = commands.add_parser("gauge", help="how much of D energies and forces determine")
    verbs = gauge.add_subparsers(title="commands", required=True, metavar="COMMAND")
    rigidity = command(
        verbs, "rigidity", _rigidity, "Predict the SD of D from the Gauss-Newton matrix of MODEL.", "MODEL", "STORE"
    )
    for name, text in (
        ("subset", "training frames"),
        ("run", "RUN.yaml the model was trained from"),
        ("named", "structures of the named bonds"),
        ("means", "bond_means.csv of their decomposition"),
        ("bde", "table of named bonds with BDE298"),
        ("bond-energies", "table with De and mean bond energies"),
    ):
        rigidity.add_argument(f"--{name}", type=Path, required=True, help=text)
    study = command(
        verbs,
        "tables",
        _tables,
        "Compare seeds and variants of a study; -o names the table of seeds, its siblings lie beside it.",
        "NAMED",
        "ERRORS",
    )
    study.add_argument("--rigidity", type=Path, required=True, help="stacked table of rigidities")
    study.add_argument("--summary", type=Path, required=True, help="stacked table of decompositions (bonded share)")


def _rigidity(arguments: Arguments) -> None:
    from e3d.gauge.predict import run_table

    names = ("model", "store", "subset", "named", "means", "bde", "bond_energies")
    paths = {name: getattr(arguments, name) for name in names} | {"settings": arguments.run}
    run_table(paths, arguments.output)


def _tables(arguments: Arguments) -> None:
    from e3d.gauge.contrasts import study_tables

    study_tables(arguments.named, arguments.errors, arguments.rigidity, arguments.summary, arguments.output)
