"""Stage ``null``: D of additivity, of a pair potential, of an untrained network and of chance."""

from e3d import options
from e3d.command_line import Argument, Command, argument
from study.arguments import BDE, BOND_ENERGIES, RUN_REQUIRED
from study.stage import Figure, Findings, Runs, Stage, Table

_FIT = "null/fit/{dataset}/n{n_train}"


def _weight(name: str, text: str) -> Argument:
    return argument(name, text, type=options.weight, required=True)


STAGE = Stage(
    "null",
    tables=(
        Table("compare", ("null/{run}.csv",), Runs.PLAIN),
        Table("named", ("null/{run}.named.csv",), Runs.PLAIN),
        Table("correlations", ("null/{run}.correlations.csv",), Runs.PLAIN),
        Table("fits", (f"{_FIT}.csv",), Runs.PLAIN),
        Table("types", (f"{_FIT}.types.csv",), Runs.PLAIN),
    ),
    figures=(
        Figure(
            "parity",
            2,
            "D against three reference energies, beside bond additivity",
            ("decompose/summary", "bde/summary", "null/named", "null/compare"),
            of_one_run=True,
        ),
        Figure(
            "bonds",
            3,
            "D of named bonds beside everything it could be: a table",
            ("decompose/summary", "bde/summary", "null/named"),
            of_one_run=True,
        ),
        Figure(
            "null",
            5,
            "error of D beside null models",
            ("decompose/summary", "null/compare"),
            of_one_run=True,
        ),
    ),
    findings=Findings("Whether D is more than chance", ("null/compare",)),
    commands=(
        Command(
            "null fit",
            "study.null.fit:write_tables",
            "Fit additivities and a pair potential to SUBSET.",
            (
                argument("STORE", "store of the dataset"),
                argument("SUBSET", "training frames"),
                argument("--splits", "table written by `data split`", required=True),
                argument("--named", "structures of the named bonds", required=True),
                argument("--tests", "stores of further test frames", nargs="+", default=()),
                argument("--dataset", "its name in the tables", type=str, required=True),
                _weight("--energy-weight", "of the squared energy error per atom"),
                _weight("--force-weight", "of the squared force error"),
                argument("--r-max", "cutoff of pairs, Å", type=options.width, default=5.0),
            ),
        ),
        Command(
            "null untrained",
            "study.null.untrained:write_table",
            "D of the NAMED bonds in untrained networks.",
            (
                argument("RUN", "RUN.yaml of a run of that size"),
                argument("NAMED", "structures of the named bonds"),
                argument("--seeds", "number of networks", type=options.count, default=20),
            ),
        ),
        Command(
            "null compare",
            "study.null.tables:write_tables",
            "Compare D of one run with every null model.",
            (
                argument("FOLDERS+", "decompositions of the run"),
                argument("--named", "table of named bonds by `bde`", required=True),
                argument("--errors", "table by `e3d evaluate`", required=True),
                argument("--fit", "table by `null fit`, the others beside it", required=True),
                argument("--untrained", "table by `null untrained`"),
                BDE,
                BOND_ENERGIES,
                argument("--shuffles", "random orders of D", type=options.count, default=200),
                RUN_REQUIRED,
            ),
        ),
    ),
    groups={"null_run": "analyse"},
)
