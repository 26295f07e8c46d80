"""Stage ``interplay``: whether decomposability, learning and reactivity go together over runs."""

from e3d.command_line import Command, argument
from study.stage import Figure, Findings, Stage, Table

READS = (
    "decompose/summary",
    "evaluate/errors",
    "entropy/entropy",
    "entropy/decomposability",
    "bde/summary",
    "bde/named",
    "reactivity/summary",
)
"""The study's tables that the stage is made from."""

STAGE = Stage(
    "interplay",
    tables=(Table("runs"), Table("correlations")),
    figures=(
        Figure(
            "interplay",
            13,
            "what goes together over the grid",
            ("interplay/runs", "interplay/correlations"),
            variants=True,
        ),
    ),
    findings=Findings("Interplay", ("interplay/correlations",)),
    commands=(
        Command(
            "interplay",
            "study.interplay.tables:write_tables",
            "Correlate the runs' numbers over (N, M) cells.",
            (argument("TABLES+", "the study's tables"),),
        ),
    ),
    groups={"interplay_tables": "study"},
    of_grid=True,
)
