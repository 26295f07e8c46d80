"""Stage ``train``: every run of the grid and of the controls, trained by nequip."""

from e3d import options
from e3d.command_line import Command, argument
from study.arguments import DEVICE
from study.stage import Runs, Stage, Table

STAGE = Stage(
    "train",
    tables=(Table("metrics", ("train/{run}/metrics.csv",), Runs.TRAINED),),
    commands=(
        Command(
            "settings",
            "study.run_settings:write_settings",
            "Write one run's settings as RUN.yaml.",
            (argument("JSON", "the settings as JSON", type=str),),
        ),
        Command(
            "train",
            "study.train.training:train",
            "Train one run with nequip into a folder.",
            (
                argument("RUN", "RUN.yaml with the run's settings"),
                DEVICE,
                argument("--compile-mode", choices=("auto", "eager", "compile"), default="auto"),
                argument("--devices", "processes on each node", type=options.count, default=1),
                argument("--nodes", "nodes of a Slurm job", type=options.count, default=1),
                argument("--tf32", "let a GPU round factors to TF32", action="store_true"),
                argument(
                    "--kernels", "auto, centre, shipped or cuequivariance", type=str, default="auto"
                ),
            ),
            makes_folder=True,
        ),
    ),
    sets=1,
)
