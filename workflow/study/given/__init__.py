"""Stage ``given``: models that others trained, fetched and taken as runs of the study."""

from e3d.command_line import Command, argument
from study.stage import Stage

STAGE = Stage(
    "given",
    commands=(
        Command(
            "given settings",
            "study.given.settings:write_settings",
            "Write the columns of a given model's run as RUN.yaml.",
            (argument("JSON", "the columns as JSON", type=str),),
        ),
    ),
)
