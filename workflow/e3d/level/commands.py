"""The command of the level stage: ``e3d level``."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from e3d import options
from e3d.errors import InputError
from e3d.fields import NAMED_BONDS

Arguments = argparse.Namespace
Command = Callable[..., argparse.ArgumentParser]


def add_commands(commands: Any, command: Command) -> None:
    """Add ``e3d level``; ``command`` makes a parser with ``-o`` and ``--log``."""
    text = "Compare D with bond energies and bond orders at the labels' own level of theory."
    level = command(commands, "level", _level, text, "NAMED", "FOLDER+")
    level.add_argument("--store", type=Path, required=True, help="store of the dataset")
    level.add_argument("--orders", default="", help="the dataset's own file, for its bond orders; none if empty")
    level.add_argument("--label-level", type=Path, required=True, help="table by `e3d data reference-energies`")
    level.add_argument("--references", type=Path, required=True, help="labelled file of `e3d data references`")
    level.add_argument("--run", type=Path, required=True, help="RUN.yaml the model was trained from")


def _level(arguments: Arguments) -> None:
    from e3d.level.run import Inputs, run_tables

    folders = {path.name: path for path in arguments.folder}
    if NAMED_BONDS not in folders:
        raise InputError(
            f"level: folders {', '.join(folders)} - one must be {NAMED_BONDS}, the decomposition of the named bonds. "
            "Add it."
        )
    inputs = Inputs(
        named=arguments.named,
        named_folder=folders.pop(NAMED_BONDS),
        test_folders=tuple(folders.values()),
        store=arguments.store,
        source=Path(arguments.orders) if arguments.orders else None,
        label_level=arguments.label_level,
        references=arguments.references,
    )
    run_tables(inputs, arguments.output, options.run_of(arguments))
