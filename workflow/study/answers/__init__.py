"""Stage ``answers``: eight questions about scale, asked of bonds that no run was trained on."""

from e3d import options
from e3d.command_line import Command, argument
from study.arguments import DEVICE, RUN_REQUIRED
from study.stage import Figure, Findings, Runs, Stage, Table

FILES = {
    "geometries": ("resources/cleavages_geometries.hdf5", "relaxed molecules and radicals"),
    "cleavage-energies": ("resources/cleavage_energies.csv", "De of their bonds"),
}
"""Options of the command that name a shipped file, and what is in it."""
LABEL_LEVEL = ("resources/label_level.csv", "resources/label_level_gfn2.csv")

STAGE = Stage(
    "answers",
    tables=(
        Table("bonds", ("answers/{run}.csv",), Runs.TRAINED, kept=True),
        Table("barriers", ("answers/{run}.barriers.csv",), Runs.TRAINED, kept=True),
        Table("answers"),
        Table("cells"),
        Table("types"),
    ),
    figures=(
        Figure(
            "answers",
            14,
            "eight questions about scale, and their answers",
            ("answers/answers", "answers/cells"),
        ),
    ),
    findings=Findings(
        "Eight questions about scale",
        ("answers/answers", "answers/types"),
        first=True,
        of_study=True,
        alone=True,
    ),
    commands=(
        Command(
            "answers bonds",
            "study.answers.bonds:write_table",
            "D of MODEL on every bond of relaxed molecules beside De at its labels' level, and its "
            "barriers (RUN.csv, RUN.barriers.csv).",
            (
                argument("MODEL", "trained checkpoint"),
                *(
                    argument(f"--{name}", f"{text} ({file})", required=True)
                    for name, (file, text) in FILES.items()
                ),
                argument("--store", "store the model was trained from", required=True),
                argument("--subset", "training frames of the run", required=True),
                argument(
                    "--label-level",
                    "tables of `data reference-energies`, each at a level of theory",
                    nargs="+",
                    required=True,
                ),
                argument("--additivity", "bond energies by `null fit`", required=True),
                argument("--paths", "reaction paths by `data reactions`", nargs="*", default=()),
                argument("--teacher", "model that labelled the run's frames"),
                RUN_REQUIRED,
                DEVICE,
            ),
        ),
        Command(
            "answers questions",
            "study.answers.tables:write_tables",
            "Answer the questions from the BONDS and barriers of all runs.",
            (
                argument("BONDS", "stacked table of `answers bonds`"),
                argument("--run-barriers", "its stacked second table", required=True),
                argument("--dataset", "main dataset", type=str, required=True),
                argument(
                    "--halves",
                    "datasets of two halves of its molecules",
                    type=str,
                    nargs="*",
                    default=(),
                ),
                argument(
                    "--barriers",
                    "datasets with frames of the paths of a half of the reactions each",
                    type=str,
                    nargs="*",
                    default=(),
                ),
                argument(
                    "--other-labels",
                    "dataset of the same frames by another theory",
                    type=str,
                    default="",
                ),
                argument(
                    "--seed-sets",
                    "seeds that were trained and looked at one set after the other, each as 0,1,2",
                    type=options.seeds,
                    nargs="*",
                    default=(),
                ),
            ),
        ),
    ),
    sets=1,
    on_request=True,
)
