"""Stage ``soundness``: laws that every model must obey before anything is said of it."""

from e3d.command_line import Command, argument
from study.stage import Findings, Runs, Stage, of_runs

STAGE = Stage(
    "soundness",
    tables=of_runs("soundness", Runs.EVERY, "laws"),
    findings=Findings(
        "Which models can be trusted",
        ("soundness/laws",),
        first=True,
        of_study=True,
        optional=True,
    ),
    commands=(
        Command(
            "soundness",
            "study.soundness.tables:write_table",
            "Check a few frames of STORE, and of TESTS, for the laws that MODEL must obey.",
            (
                argument("MODEL", "trained model"),
                argument("STORE", "store of the frames it is tested on"),
                argument("TESTS*", "stores of further test frames"),
                argument("--splits", "table of the test sets of STORE", required=True),
                argument("--named", "structures of the named bonds", required=True),
                argument("--subset", "training frames, of a model that was trained here"),
                argument("--config", "nequip.yaml that it was trained by"),
                argument("--run", "RUN.yaml of its run", required=True),
            ),
        ),
    ),
)
