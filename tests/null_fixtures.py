"""Commands of the null stage on a small store, and a made-up run for them to compare."""

from pathlib import Path

from e3d import tables
from e3d.decomposition.decomposed import Decomposed
from e3d.fields import MEANS_FILE
from e3d.fields import Column as C
from e3d.named_bonds import BDE_FILE, ENERGIES_FILE
from e3d.named_bonds.table import named_bonds, read_references
from e3d.options import run_columns
from model_fixtures import NAMED, Prepared
from study.null.names import COARSE

REFERENCES = (BDE_FILE, ENERGIES_FILE)


def fit_command(prepared: Prepared, output: Path) -> list[str]:
    """Return the arguments that fit the null models to the subset."""
    files = [prepared.store, prepared.subset]
    settings = {
        "--splits": prepared.splits,
        "--named": NAMED,
        "--dataset": "minispice",
        "--energy-weight": 4,
        "--force-weight": 1,
        "--r-max": 4,
    }
    given = [text for name, value in settings.items() for text in (name, str(value))]
    return ["null", "fit", *map(str, files), *given, "-o", str(output)]


def compare_command(prepared: Prepared, fit: Path, folder: Path, output: Path) -> list[str]:
    """Write a run whose D is that of coarse additivity; return the arguments that compare it."""
    settings = prepared.run("minispice/n16/made/s0")
    run = run_columns(settings)
    bonds = tables.read(fit.with_name(f"{fit.stem}.bonds.csv"))
    bonds = bonds.assign(**{C.BOND_ENERGY: bonds[COARSE.column].fillna(3.0)})
    groups = bonds.groupby(C.STRUCTURES, sort=False)
    parts = [Decomposed(str(name), part, part) for name, part in groups]
    folders = [folder / "decomposed" / part.structures for part in parts]
    for part, path in zip(parts, folders, strict=True):
        means = part.means.drop(columns=C.STRUCTURES).assign(**run)
        tables.write(means, path / MEANS_FILE)
    named = named_bonds(parts, read_references(*REFERENCES), None)
    tables.write(tables.with_run(named, run), folder / "named.csv")
    errors = tables.read(fit.with_name(f"{fit.stem}.errors.csv"))
    tables.write(errors[errors[C.MODEL] == COARSE.name].assign(**run), folder / "errors.csv")
    files = {
        "--named": folder / "named.csv",
        "--errors": folder / "errors.csv",
        "--fit": fit,
        "--bde": REFERENCES[0],
        "--bond-energies": REFERENCES[1],
        "--run": settings,
    }
    given = [text for name, path in files.items() for text in (name, str(path))]
    shuffles = ["--shuffles", "20"]
    return ["null", "compare", *map(str, folders), *given, *shuffles, "-o", str(output)]
