"""The commands of the reactivity stage: ``e3d reactivity run`` and ``dynamics``."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from e3d.options import json_object, run_of

Arguments = argparse.Namespace
Command = Callable[..., argparse.ArgumentParser]
_FILES = {
    "paths": ("reactions_geometries.hdf5", "images of reaction paths"),
    "path-labels": ("reactions.hdf5", "their labels"),
    "scans": ("scans_geometries.hdf5", "stretch scans"),
    "scan-labels": ("scans.hdf5", "their labels"),
    "references": ("references.hdf5", "labelled species of DBH24"),
}


def add_commands(commands: Any, command: Command) -> None:
    """Add ``e3d reactivity`` and its verbs; ``command`` makes a parser with ``-o`` and ``--log``."""
    reactivity = commands.add_parser("reactivity", help="barriers, stretched bonds, reaction paths, dynamics")
    verbs = reactivity.add_subparsers(title="commands", required=True, metavar="COMMAND")
    run = command(
        verbs,
        "run",
        _run,
        "Barriers, stretch scans and D along reaction paths of MODEL; write six tables (RUN.csv and its siblings).",
        "MODEL",
    )
    for name, (file, text) in _FILES.items():
        run.add_argument(
            f"--{name}", type=Path, default=Path("resources") / file, help=f"{text} (default: %(default)s)"
        )
    run.add_argument("--transition1x", type=Path, help="Transition1x's file: barriers of its reactions as well")
    run.add_argument("--store", type=Path, help="store the model was trained from; with --subset")
    run.add_argument("--subset", type=Path, help="training frames of the run, to say what is extrapolation")
    run.add_argument("--run", type=Path, help="RUN.yaml the model was trained from")
    run.add_argument("--device", default="cpu", help="cpu, cuda or cuda:<k>")
    dynamics = command(
        verbs,
        "dynamics",
        _dynamics,
        "Run molecular dynamics of relaxed MOLECULES with MODEL; write RUN.dynamics.csv and three tables beside it.",
        "MODEL",
        "MOLECULES",
    )
    dynamics.add_argument("--settings", required=True, help="JSON with the keys of `dynamics` of config/config.yaml")
    dynamics.add_argument("--run", type=Path, help="RUN.yaml the model was trained from")
    dynamics.add_argument("--device", default="cpu", help="cpu, cuda or cuda:<k>")


def _run(arguments: Arguments) -> None:
    from e3d.errors import InputError
    from e3d.models import load_model
    from e3d.reactivity.run import Files, Trained, run_tables

    files = Files(
        arguments.paths,
        arguments.path_labels,
        arguments.scans,
        arguments.scan_labels,
        arguments.references,
        arguments.transition1x,
    )
    if (arguments.store is None) != (arguments.subset is None):
        raise InputError("--store and --subset go together: the training frames are numbers of the store. Give both.")
    trained = None if arguments.store is None else Trained(arguments.store, arguments.subset)
    model = load_model(arguments.model, arguments.device)
    run_tables(model, files, arguments.output, run_of(arguments), path=arguments.model, trained=trained)


def _dynamics(arguments: Arguments) -> None:
    from e3d.models import load_model
    from e3d.reactivity.dynamics import run_tables, settings_from

    molecules, settings = settings_from(json_object(arguments.settings))
    model = load_model(arguments.model, arguments.device)
    run_tables(
        model, arguments.molecules, molecules, settings, arguments.output, run_of(arguments), path=arguments.model
    )
