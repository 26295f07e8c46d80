"""Stage ``robustness``: D of the same named bonds from different training sets."""

from e3d.command_line import Command, argument
from study.stage import Figure, Findings, Stage, Table

STAGE = Stage(
    "robustness",
    tables=(Table("pairs"), Table("bonds")),
    figures=(
        Figure(
            "robustness",
            12,
            "the same bonds' D from different training sets",
            ("robustness/pairs", "robustness/bonds"),
        ),
    ),
    findings=Findings("Robustness across training sets", ("robustness/pairs",)),
    commands=(
        Command(
            "robustness",
            "study.robustness.tables:write_tables",
            "Compare D of NAMED bonds between training sets.",
            (argument("NAMED", "stacked table of named bonds"),),
        ),
    ),
    groups={"robustness_tables": "study"},
    sets=2,
)
