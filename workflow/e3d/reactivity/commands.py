"""The commands of the reactivity stage: ``e3d reactivity run``, ..."""

import argparse
from collections.abc import Callable
from typing import Any

Arguments = argparse.Namespace
Command = Callable[..., argparse.ArgumentParser]


def add_commands(commands: Any, command: Command) -> None:
    """Add ``e3d reactivity`` and its verbs; ``command`` makes a parser with ``-o`` and ``--log``."""
    reactivity = commands.add_parser("reactivity", help="barriers, stretched bonds, reaction paths, dynamics")
    reactivity.add_subparsers(title="commands", required=True, metavar="COMMAND")
