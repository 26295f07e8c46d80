"""Stage ``given``: models that others trained, fetched and taken as runs of the study."""

from pathlib import Path

from e3d import options
from e3d.command_line import Command, argument
from study.stage import Stage

_MODELS = argument("--models", "default: %(default)s", default=Path("config/models.yaml"))

STAGE = Stage(
    "given",
    commands=(
        Command(
            "model fetch",
            "study.given.fetch:fetch_model",
            "Download the file of the model NAME and check it; a download that was cut resumes.",
            (
                argument("NAME", "a model of --models", type=str),
                _MODELS,
                argument("--url", "fetch from here into -o, without reading --models", type=str),
                argument("--bytes", "expected size; not checked if empty", type=options.size),
                argument(
                    "--sha256",
                    "expected checksum; not checked if empty",
                    type=options.sha256,
                    default="",
                ),
            ),
            default_output="default: the model's path",
        ),
        Command(
            "model list",
            "study.given.fetch:list_models",
            "List the models that `model fetch` knows.",
            (_MODELS,),
            default_output="default: the terminal",
        ),
        Command(
            "given settings",
            "study.given.settings:write_settings",
            "Write the columns of a given model's run as RUN.yaml.",
            (argument("JSON", "the columns as JSON", type=str),),
        ),
    ),
)
