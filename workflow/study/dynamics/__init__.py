"""Stage ``dynamics``: D along molecular dynamics of the largest runs, and before a bond breaks."""

from e3d import options
from e3d.command_line import Command, argument
from study.arguments import DEVICE, RUN
from study.stage import Figure, Findings, Runs, Stage, of_runs

STAGE = Stage(
    "dynamics",
    tables=of_runs("dynamics", Runs.LARGEST, "dynamics", "spectrum", "breaking", "trajectory"),
    figures=(
        Figure(
            "dynamics",
            10,
            "molecular dynamics: D before a bond breaks",
            (
                "decompose/summary",
                "dynamics/dynamics",
                "dynamics/spectrum",
                "dynamics/breaking",
                "dynamics/trajectory",
            ),
            of_one_run=True,
        ),
    ),
    findings=Findings(
        "Does D announce which bond breaks?",
        ("dynamics/dynamics", "dynamics/breaking"),
    ),
    commands=(
        Command(
            "dynamics",
            "study.dynamics.command:write_tables",
            "Run molecular dynamics of relaxed MOLECULES with MODEL; write RUN.csv and three "
            "tables beside it.",
            (
                argument("MODEL", "trained checkpoint"),
                argument("MOLECULES", "structures of the named bonds"),
                argument(
                    "--settings",
                    "JSON with the keys of `dynamics` of config/config.yaml",
                    type=str,
                    read=options.json_object,
                    required=True,
                ),
                RUN,
                DEVICE,
            ),
        ),
    ),
)
