"""Stage ``claims``: what the paper claims, and what the study's tables say of it."""

from e3d.command_line import Command, argument
from study.stage import Findings, Stage, Table

READS = (
    "null/named",
    "label_theory/separation",
    "reactivity/barriers",
    "reactivity/path_changes",
    "reactivity/scan_errors",
)
"""The study's tables that it is made from."""

STAGE = Stage(
    "claims",
    tables=(Table("claims"),),
    findings=Findings(
        "What the paper claims, and what the tables say", ("claims/claims",), first=True
    ),
    commands=(
        Command(
            "claims",
            "study.claims.tables:write_table",
            "Ask the study's tables what the paper claims, over all seeds of a run.",
            (argument("TABLES+", "the study's tables"),),
        ),
    ),
    groups={"claims_tables": "study"},
)
