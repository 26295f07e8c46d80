"""Stage ``scaling``: test errors against the number of training frames and of weights."""

from e3d.command_line import Command, argument
from study.stage import Figure, Findings, Stage, Table

STAGE = Stage(
    "scaling",
    tables=(Table("fits"),),
    figures=(
        Figure("learning", 7, "test error against N", ("evaluate/errors", "scaling/fits")),
        Figure(
            "emergence",
            6,
            "error of D against N, at the same bonds",
            ("decompose/summary", "bde/named"),
        ),
    ),
    findings=Findings(
        "How errors fall with training frames",
        ("decompose/summary", "scaling/fits"),
        every_dataset=True,
    ),
    commands=(
        Command(
            "scaling",
            "study.scaling.fits:write_table",
            "Fit scaling forms to the table of ERRORS.",
            (argument("ERRORS", "stacked table of errors"),),
        ),
    ),
    groups={"scaling_fits": "study"},
    sets=1,
)
