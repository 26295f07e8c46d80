"""Stage ``label_theory``: D beside bond energies and bond orders at the labels' level of theory."""

from e3d.command_line import Command, argument
from study.arguments import RUN_REQUIRED
from study.stage import Figure, Findings, Runs, Stage, of_runs

STAGE = Stage(
    "label_theory",
    tables=of_runs("label_theory", Runs.PLAIN, "bonds", "summary", "separation", "orders"),
    figures=(
        Figure(
            "label_theory",
            11,
            "D beside the labels' own level of theory",
            (
                "decompose/summary",
                "label_theory/summary",
                "label_theory/separation",
                "label_theory/orders",
            ),
            of_one_run=True,
        ),
    ),
    findings=Findings(
        "Is it the labels?",
        ("label_theory/summary",),
    ),
    commands=(
        Command(
            "label-theory",
            "study.label_theory.tables:write_tables",
            "Compare D with bond energies and bond orders at the labels' own level of theory.",
            (
                argument("NAMED", "table of named bonds by `bde`"),
                argument("FOLDERS+", "decompositions of the run"),
                argument("--store", "store of the dataset", required=True),
                argument(
                    "--orders",
                    "the dataset's own file, for its bond orders; none if empty",
                    type=str,
                    default="",
                ),
                argument(
                    "--label-level", "table by `e3d-labels reference-energies`", required=True
                ),
                argument("--references", "labelled file of `e3d-labels references`", required=True),
                RUN_REQUIRED,
            ),
        ),
    ),
    groups={"label_theory_run": "analyse"},
)
