"""Stage ``entropy``: entropy of D by bond type, and how much D says about the type."""

from e3d import options
from e3d.command_line import Command, argument
from study.arguments import RUN
from study.stage import Figure, Findings, Runs, Stage, of_runs

STAGE = Stage(
    "entropy",
    tables=of_runs(
        "entropy",
        Runs.PLAIN,
        *("entropy", "decomposability", "histogram", "sensitivity"),
        check="study.entropy.tables:require_one_sample_size",
    ),
    figures=(
        Figure(
            "distributions",
            4,
            "D by bond type",
            ("decompose/summary", "entropy/histogram", "entropy/decomposability", "bde/named"),
            of_one_run=True,
        ),
        Figure(
            "entropy",
            13,
            "entropy of D, and what it says of the bond type, against N",
            ("decompose/summary", "entropy/entropy", "entropy/decomposability"),
        ),
        Figure(
            "estimators",
            15,
            "entropy in bins of other widths, of fewer molecules, and without bins",
            ("decompose/summary", "entropy/sensitivity"),
        ),
    ),
    findings=Findings(
        "How much D says about the bond type",
        ("entropy/decomposability",),
    ),
    commands=(
        Command(
            "entropy",
            "study.entropy.tables:write_tables",
            "Entropy and decomposability of D.",
            (
                argument("FOLDERS+", "decompositions of one run"),
                argument("--bin-bond-energy", "eV", type=options.width, default=0.05),
                argument(
                    "--bin-scaled",
                    "of D over its standard deviation",
                    type=options.width,
                    default=0.05,
                ),
                argument("--bin-r", "Å", type=options.width, default=0.02),
                RUN,
            ),
        ),
    ),
    groups={"entropy_run": "analyse"},
)
