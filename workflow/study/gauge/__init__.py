"""Stage ``gauge``: how much of D energies and forces determine."""

from e3d.command_line import Command, argument
from study.arguments import BDE, BOND_ENERGIES
from study.stage import Figure, Findings, Runs, Stage, Table

STAGE = Stage(
    "gauge",
    tables=(
        Table("rigidity", ("gauge/{run}.rigidity.csv",), Runs.SMALLEST),
        Table("seeds"),
        Table("ablations"),
        Table("contrasts"),
        Table("compare"),
    ),
    figures=(
        Figure(
            "gauge",
            10,
            "how much of D the data fix",
            ("decompose/summary", "gauge/seeds", "gauge/rigidity", "gauge/ablations"),
            variants=True,
        ),
    ),
    findings=Findings(
        "How much of D the data fix",
        ("gauge/seeds", "gauge/rigidity", "gauge/ablations", "gauge/contrasts", "gauge/compare"),
    ),
    commands=(
        Command(
            "gauge rigidity",
            "study.gauge.rigidity:write_table",
            "Predict the SD of D from the Gauss-Newton matrix of MODEL.",
            (
                argument("MODEL", "trained checkpoint"),
                argument("STORE", "store of its dataset"),
                argument("--subset", "training frames", required=True),
                argument("--run", "RUN.yaml the model was trained from", required=True),
                argument("--named", "structures of the named bonds", required=True),
                argument("--means", "bond_means.csv of their decomposition", required=True),
                BDE,
                BOND_ENERGIES,
            ),
        ),
        Command(
            "gauge tables",
            "study.gauge.tables:write_tables",
            "Compare seeds and variants of a study; -o names the table of seeds, "
            "its siblings lie beside it.",
            (
                argument("NAMED", "stacked table of named bonds"),
                argument("ERRORS", "stacked table of errors"),
                argument("--rigidity", "stacked table of rigidities", required=True),
                argument(
                    "--summary", "stacked table of decompositions (bonded share)", required=True
                ),
            ),
        ),
    ),
    groups={"gauge_tables": "study"},
    sets=1,
)
