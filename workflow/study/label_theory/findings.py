"""Whether D is far from the literature because of the labels or because of what D represents."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from e3d.fields import TEST_CONFORMATIONS
from e3d.fields import Column as C
from e3d.statistics import Estimate, group_mean, verdict
from e3d.statistics.agreement import BETWEEN, WITHIN
from study import runs
from study.findings.wording import Run, Tables, interval, listed, value
from study.references import REFERENCES


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield the split of D's error, bond separation and bond orders."""
    yield _split(runs.at_run(tables["label_theory/summary"], run))
    yield _separation(runs.at_run(tables["label_theory/separation"], run))
    orders = runs.at_run(tables["label_theory/orders"], run)
    yield from _orders(orders[orders[C.STRUCTURES] == TEST_CONFORMATIONS])


def _split(table: pd.DataFrame) -> str:
    table = table[table[C.GEOMETRY] == "relaxed"]
    texts = []
    for kind, one in REFERENCES.items():
        part = table[table["reference"] == kind]
        if part.empty:
            continue
        said = verdict(
            runs.over_seeds(part, "excess_mae_eV"),
            "the representation's is larger",
            "the labels' is larger",
            neither="undetermined which is larger",
        )
        own, theirs = (
            value(part, "representation_mae_eV", " eV"),
            value(part, "labels_mae_eV", " eV", seeds=False),
        )
        texts.append(
            f"{one.words} ({int(part['n_bonds'].max())} bonds) {own} from the labels' own value, which is {theirs} from "
            f"the literature: {said}"
        )
    return f"Same level of theory, mean absolute difference of D at relaxed geometries: {listed(texts)}."


def _separation(table: pd.DataFrame) -> str:
    if table.empty:
        return "Bond separation: no molecule of the named bonds has its reaction in the tables."
    error, size = table["separation_error_eV"].abs(), table["label_separation_eV"].abs()
    molecules = np.unique(table[C.MOLECULE], return_inverse=True)[1]
    excess = (error - size).to_numpy()
    means = error.groupby(table[C.SEED]).mean()
    here = [(table[C.SEED] == seed).to_numpy() for seed in means.index]
    found = [
        group_mean(excess[rows], molecules[rows]) for rows in here
    ]  # paired, a molecule left out in turn
    lo, hi = np.min([one.lo for one in found]), np.max([one.hi for one in found])
    widest = Estimate(excess.mean(), lo, hi)
    beats = verdict(widest, "larger", "smaller", neither="undetermined whether smaller or larger")
    return (
        f"Bond separation (what bond additivity cannot give, {molecules.max() + 1} molecules): D misses the labels by "
        f"{means.mean():.2f} eV (seeds {means.min():.2f} to {means.max():.2f}), zero, additivity's answer, by "
        f"{size.mean():.2f} eV; D minus zero {widest.value:.2f} eV {interval(widest)}: {beats}."
    )


def _orders(table: pd.DataFrame) -> Iterable[str]:
    texts = []
    for order, part in table.groupby("order", sort=True):
        scores = []
        for score, words in ((BETWEEN, "between types"), (WITHIN, "within types")):
            difference = runs.over_seeds(part, f"difference_{score}")
            # no width: few types have few orders, and all replicates may agree
            said = verdict(difference, "D better", "the length better", needs_width=True)
            length = value(part, f"length_{score}", seeds=False)
            scores.append(
                f"{words} {value(part, f'd_{score}')}, minus the bond length {length}: {said}"
            )
        texts.append(f"{order} {', '.join(scores)}")
    if texts:
        yield f"Rank correlation of D with bond orders of the same structures: {listed(texts)}."
