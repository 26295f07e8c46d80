"""The study's commands: those of its stages, and what is done with the tables of all of them.

``python -m study`` has the library's and the labels' commands as well: rules call nothing else, and
it needs no installation, only the folders ``src`` and ``workflow`` on the path.
"""

from argparse import ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from e3d import cli
from e3d.command_line import Command, Group, argument, run_program
from e3d.errors import choices, shown
from e3d_labels.cli import COMMANDS as LABEL_COMMANDS
from study.stages import STAGES, TABLES


def _check(text: str) -> str:
    """Read the name of a check that a stage declares for one of its tables; empty is none."""
    known = sorted({table.check for table in TABLES.values() if table.check})
    if text and text not in known:
        raise ArgumentTypeError(f"{shown(text)} is no check of a table - {choices(text, known)}")
    return text


COMMANDS: Final[tuple[Command | Group, ...]] = (
    Group("answers", "eight questions about scale"),
    Group("gauge", "how much of D energies and forces determine"),
    Group("given", "models that others trained"),
    Group("model", "fetch and list models that others trained"),
    Group("null", "what bookkeeping, chance and a pair potential give for D"),
    *(command for stage in STAGES for command in stage.commands),
    Command(
        "collect",
        "study.collect:collect_tables",
        "Stack tables of several runs, in run order.",
        (
            argument("TABLES+", "the tables of the runs"),
            argument("--check", "MODULE:FUNCTION that may refuse them", type=_check, default=""),
            argument("--laws", "folder with RUN.csv: runs that break a law are left out"),
            argument("--may-be-empty", "no run need be left", action="store_true"),
        ),
    ),
    Command(
        "figures",
        "study.figures.draw:draw",
        "Draw a figure as PDF, SVG and PNG.",
        (
            argument("TABLES+", "the tables it is drawn from, or the results folder"),
            argument("--name", "which figure", type=str, required=True),
            argument("--molecules", "SMILES to draw (molecules)", type=str, nargs="+", default=()),
            argument("--numbered", "write the PDF here too (fig3.pdf)", writes=True),
            argument("--run", "show this run alone: given/NAME", type=str, default=""),
        ),
    ),
    Command(
        "findings",
        "study.findings.sections:write_findings",
        "Write what the TABLES say, in sentences.",
        (
            argument("TABLES+", "the tables they are about, or the results folder"),
            argument(
                "--sections",
                "what these stages' tables say alone: null, gauge, ...",
                type=str,
                nargs="+",
                default=(),
            ),
        ),
    ),
    Command(
        "site",
        "study.site.page:write_site",
        "Write the study's page: verdicts, findings, figures, molecules and tables in one file.",
        (
            argument("FILES+", "tables, PNG figures and findings.md, or the folder that has them"),
            argument("--study", "its name; that of the folder", type=str, default=""),
            argument("--citation", "how it is cited", type=Path, default=Path("CITATION.cff")),
        ),
    ),
    Command(
        "publish",
        "study.publish:publish",
        "Copy a finished study's tables, figures and costs.",
        (
            argument("RESULTS", "results folder of the study"),
            argument("--readme", "write how long it took into the marked block of this file"),
            argument(
                "--only",
                "publish these stages alone: gauge, robustness, ...",
                type=str,
                nargs="+",
                default=(),
            ),
            argument(
                "--weights",
                "publish the models of these runs too",
                type=str,
                nargs="+",
                default=(),
            ),
        ),
        makes_folder=True,
    ),
    Command(
        "crate",
        "study.crate:write_crate",
        "Describe a published study as an RO-Crate again, after a change of its files.",
        makes_folder=True,
    ),
)
"""What the study adds to the library's program, also by the entry point of its installation."""


PARTS: Final = (*cli.COMMANDS, *LABEL_COMMANDS, *COMMANDS)
"""All commands: rules call nothing else."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command of the library, of the labels or of the study; return the exit code."""
    return run_program("e3d", cli.SUMMARY, PARTS, argv)
