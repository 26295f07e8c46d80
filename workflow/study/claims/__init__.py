"""Stage ``claims``: what the paper claims, and what other stages' tables say of it."""

from study.stage import Findings, Stage

STAGE = Stage(
    "claims",
    findings=Findings(
        "What the paper claims, and what the tables say",
        (
            "bde/nearest",
            "bde/summary",
            "null/compare",
            "reactivity/summary",
            "reactivity/path_changes",
        ),
        first=True,
    ),
)
