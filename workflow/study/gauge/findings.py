"""How much of D the data fix: seeds, variants, rigidity, and the differences that hold in all."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from e3d.fields import Column as C
from e3d.statistics import UNDETERMINED, YES, Estimate
from study import runs
from study.findings.wording import Run, Tables, number
from study.gauge import fields


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield what seeds, variants, differences and rigidity say."""
    yield _seeds(runs.at_run(tables["gauge/seeds"], run))
    yield from _variants(tables["gauge/ablations"], run[0])
    yield from _contrasts(tables["gauge/contrasts"], run[0])
    yield from _rigidity(tables["gauge/rigidity"], run[0])


def _seeds(table: pd.DataFrame) -> str:
    if table.empty:
        return "There is one seed: how far D differs between seeds is not known."
    whole = table[(table["quantity"] == fields.D) & (table[C.BOND_TYPE] == "all")].iloc[0]
    n, sd = int(whole["n_seeds"]), Estimate.read(whole, fields.SD)
    return (
        f"From seed to seed D of a named bond varies by {number(sd, sd.value, ' eV')} (standard "
        f"deviation; the interval is over molecules, and {n} seeds add about "
        f"{100 / np.sqrt(2 * (n - 1)):.0f} %)."
    )


def _variants(table: pd.DataFrame, dataset: str) -> Iterable[str]:
    table = table[(table[C.DATASET] == dataset) & ~table["offset_removed"].astype(bool)]
    if table.empty:
        return
    changes = table[fields.RMS_CHANGE]
    judged = table[table["verdict"] != UNDETERMINED]
    more = int((judged["verdict"] == fields.MOVES).sum())
    said = (
        f"{more} of them by more than seeds do"
        if len(judged)
        else f"with fewer than {fields.MIN_SEEDS} seeds of each, none is judged"
        if (table["n_seeds"] < fields.MIN_SEEDS).all()
        else "none is shown to move it by more or less than seeds do"
    )
    yield (
        f"{len(table)} changes of one setting move D by {changes.min():.2f} to "
        f"{changes.max():.2f} eV, another seed by {table[fields.SEED_RMS].median():.2f} eV (root "
        f"mean squares): {said}."
    )


def _contrasts(table: pd.DataFrame, dataset: str) -> Iterable[str]:
    known = (table["n_seeds"] >= fields.MIN_SEEDS) & (table["n_variants"] > 0)
    part = table[(table[C.DATASET] == dataset) & known]
    for _, cell in part.groupby([C.N_TRAIN, "base"]):
        types, bonds = (
            f"{int(rows[fields.DETERMINED].eq(YES).sum())} of {len(rows)}"
            for rows in (cell[cell["kind"] == kind] for kind in (fields.TYPES, fields.BONDS))
        )
        yield (
            "Differences of D that keep their sign in every seed, and with every setting that was "
            f"changed: {types} between bond types, {bonds} between bonds of one type."
        )


def _rigidity(table: pd.DataFrame, dataset: str) -> Iterable[str]:
    table = table[table[C.DATASET] == dataset]
    if table.empty:
        return
    middle = table.groupby(["kind", fields.SIGMA2])[fields.SD].median()
    d, energy = (middle[kind].max() / middle[kind].min() for kind in (fields.BOND, fields.ENERGY))
    decades = np.log10(table[fields.SIGMA2].max() / table[fields.SIGMA2].min())
    yield (
        "The data fix energies of molecules better than D: with the regulariser over "
        f"{decades:.0f} decades, the predicted standard deviation of D changes {d:.0f}-fold, that "
        f"of a molecule's energy {energy:.0f}-fold."
    )
