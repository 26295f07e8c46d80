"""The program ``e3d`` (or ``python -m e3d``): the library's commands, and those of other packages.

A package adds commands by an entry point of the group ``e3d.commands`` that names a tuple of
:class:`~e3d.command_line.Command` and :class:`~e3d.command_line.Group`.
"""

import logging
from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points
from typing import Final

from e3d import options
from e3d.command_line import Command, Group, argument, run_program
from e3d.errors import one_line
from e3d.store.layouts import LAYOUTS
from e3d.theory import SPICE

log = logging.getLogger(__name__)

SUMMARY: Final = "Edge-wise emergent decomposition of machine-learned interatomic potentials."
_MODEL = argument("MODEL", "trained Allegro model")
_STRUCTURES = "stores, files that ASE reads, or SMILES"
_RUN = argument("--run", "RUN.yaml the model was trained from", read=options.run_columns)
_SPLITS = argument("--splits", "use the test sets of this table, apart; they are the first store's")
_DEVICE = argument("--device", "cpu, cuda or cuda:<k>", type=options.device, default="cpu")
_SKIP = argument(
    "--skip-unknown-elements",
    "leave out structures with elements the model does not know; log and count them",
    action="store_true",
)

COMMANDS: Final[tuple[Command | Group, ...]] = (
    Command(
        "decompose",
        "e3d.decomposition.tables:write_decompositions",
        "Decompose MODEL on STRUCTURES: stores, files that ASE reads, SMILES.",
        (
            _MODEL,
            argument("STRUCTURES+", _STRUCTURES, read=options.structures_there, type=str),
            argument("--csv", "write bonds.csv beside bonds.parquet, too", action="store_true"),
            _SKIP,
            _SPLITS,
            _RUN,
            _DEVICE,
        ),
        makes_folder=True,
    ),
    Command(
        "evaluate",
        "e3d.evaluate:write_errors",
        "Write the errors of MODEL on the labelled frames of each of STORES.",
        (
            _MODEL,
            argument("STORES+", "labelled frames"),
            _SKIP,
            _SPLITS,
            _RUN,
            _DEVICE,
        ),
    ),
    Command(
        "report",
        "e3d.report.write:write_report",
        "Write a page on MODEL that any browser shows: D of named bonds, and of STRUCTURES.",
        (
            _MODEL,
            argument("STRUCTURES*", _STRUCTURES, read=options.structures_there, type=str),
            _DEVICE,
        ),
        makes_folder=True,
    ),
    Group("data", "read, fetch, make, mix and split datasets; choose subsets"),
    Command(
        "data read",
        "e3d.store.convert:write_store",
        "Read FILE and write the store of its frames.",
        (
            argument("FILE", "a dataset's own file"),
            argument(
                "--layout",
                f"how FILE is arranged: {', '.join(LAYOUTS)} (default: spice)",
                type=str,
                default="spice",
            ),
            argument(
                "--theory", "level of theory (default: SPICE's)", type=str, default=SPICE.name
            ),
            argument(
                "--isolated-atom-energy",
                "energies of isolated neutral atoms, eV, where the theory's are not known",
                read=options.named_values,
                type=options.element_energy,
                nargs="+",
                metavar="ELEMENT=eV",
            ),
            argument("--isolated-atoms", "file of single atoms to take these energies from"),
            argument(
                "--exclude-elements",
                "leave out frames with these (default: those the theory has as ions only)",
                type=str,
                nargs="*",
            ),
            argument(
                "--include-ionic",
                "keep charged species and such elements, to be tested apart",
                action="store_true",
            ),
            argument(
                "--sha256",
                "expected checksum of FILE; not checked if empty",
                type=options.sha256,
                default="",
            ),
        ),
    ),
)
"""The library's own commands."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command, the library's or an installed package's; return the exit code."""
    return run_program("e3d", SUMMARY, (*COMMANDS, *_installed()), argv)


def _installed() -> Iterator[Command | Group]:
    """Yield the commands of installed packages; a package that cannot be imported has none."""
    for point in entry_points(group="e3d.commands"):
        try:
            yield from point.load()
        except Exception as error:  # noqa: BLE001 - the code of others
            log.warning("the commands of %s are missing: %s", point.value, one_line(error))
