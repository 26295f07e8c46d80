"""Stage ``decompose``: D of every run on the test sets and the named bonds (``e3d decompose``)."""

from e3d.fields import NAMED_BONDS
from study.stage import Figure, Runs, Stage, Table

STAGE = Stage(
    "decompose",
    tables=(
        Table("summary", ("decompose/{run}/{structures}/summary.json",), Runs.EVERY),
        Table("bond_means", (f"decompose/{{run}}/{NAMED_BONDS}/bond_means.csv",), Runs.EVERY),
    ),
    figures=(
        Figure(
            "molecules",
            1,
            "D on drawn molecules",
            ("decompose/summary", "decompose/bond_means", "bde/named"),
            settings=("molecules",),
            of_one_run=True,
        ),
    ),
)
