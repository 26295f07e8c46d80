"""Stage ``bde``: D of named bonds and of bond types beside BDE298, De and mean bond energies."""

from e3d import options
from e3d.command_line import Command, argument
from study.arguments import BDE, BOND_ENERGIES, RUN
from study.stage import Findings, Runs, Stage, of_runs

STAGE = Stage(
    "bde",
    tables=of_runs("bde", Runs.EVERY, "types", "named", "summary", "order"),
    findings=Findings(
        "What D is",
        (
            "decompose/summary",
            "evaluate/errors",
            "bde/summary",
            "bde/order",
        ),
        every_dataset=True,
    ),
    commands=(
        Command(
            "bde",
            "study.bde.tables:write_tables",
            "Compare D of decompositions with reference energies.",
            (
                argument("FOLDERS+", "decompositions of one run"),
                BDE,
                BOND_ENERGIES,
                argument("--subset", "training frames of the run, to say what was trained on"),
                argument(
                    "--smallest-molecule",
                    "without these: fewest atoms of a training frame",
                    type=options.count,
                    default=1,
                ),
                RUN,
            ),
        ),
    ),
    groups={"bde_run": "analyse"},
)
