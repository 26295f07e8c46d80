"""Whether D is far from the literature because of the labels or because of what D represents."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from e3d.fields import RELAXED, TEST_CONFORMATIONS
from e3d.fields import Column as C
from e3d.named_bonds.references import REFERENCES
from e3d.statistics import Estimate, group_mean, verdict
from e3d.statistics.agreement import BETWEEN, MAE, WITHIN
from study import runs
from study.findings.wording import Run, Tables, counted, interval, listed, value
from study.label_theory.error_parts import EXCESS, LABELS, REPRESENTATION
from study.label_theory.fields import LABEL_SEPARATION, SEPARATION_ERROR, WHO


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield the parts of D's error, bond separation and bond orders."""
    yield _parts(runs.at_run(tables["label_theory/summary"], run))
    yield _separation(runs.at_run(tables["label_theory/separation"], run))
    orders = runs.at_run(tables["label_theory/orders"], run)
    yield from _orders(orders[orders[C.STRUCTURES] == TEST_CONFORMATIONS])


def _parts(table: pd.DataFrame) -> str:
    table = table[table[C.GEOMETRY] == RELAXED]
    texts = []
    for name, reference in REFERENCES.items():
        part = table[table["reference"] == name]
        if part.empty:
            continue
        said = verdict(
            runs.over_seeds(part, EXCESS),
            "the first difference is larger",
            "the second difference is larger",
            neither="undetermined which is larger",
        )
        own = value(part, f"{REPRESENTATION}_{MAE}", " eV")
        theirs = value(part, f"{LABELS}_{MAE}", " eV", seeds=False)
        bonds = counted(int(part["n_bonds"].max()), "bond")
        texts.append(
            f"{reference.words} ({bonds}): D is {own} from the labels' own value, and that value "
            f"is {theirs} from the literature: {said}"
        )
    return f"Mean absolute differences at one level of theory, relaxed geometries: {listed(texts)}."


def _separation(table: pd.DataFrame) -> str:
    if table.empty:
        return "Bond separation: no molecule of the named bonds has its reaction in the tables."
    error, size = table[SEPARATION_ERROR].abs(), table[LABEL_SEPARATION].abs()
    molecules = np.unique(table[C.MOLECULE], return_inverse=True)[1]
    excess = (error - size).to_numpy()
    means = error.groupby(table[C.SEED]).mean()
    # paired: a molecule left out in turn
    found = [
        group_mean(excess[rows], molecules[rows])
        for rows in ((table[C.SEED] == seed).to_numpy() for seed in means.index)
    ]
    lo, hi = np.min([one.lo for one in found]), np.max([one.hi for one in found])
    widest = Estimate(excess.mean(), lo, hi)
    said = verdict(widest, "larger", "smaller", neither="undetermined whether smaller or larger")
    return (
        "Bond-separation energies, which are zero by bond additivity "
        f"({molecules.max() + 1} molecules): D misses the labels by {means.mean():.2f} eV (seeds "
        f"{means.min():.2f} to {means.max():.2f}), zero misses them by {size.mean():.2f} eV; the "
        f"error of D less that of zero is {widest.value:.2f} eV {interval(widest)}: {said}."
    )


def _orders(table: pd.DataFrame) -> Iterable[str]:
    texts = []
    of_d, of_length, difference = WHO
    for order, part in table.groupby("order", sort=True):
        for score, words in ((BETWEEN, "between types"), (WITHIN, "within types")):
            # no width: few types have few orders, and all replicates may agree
            said = verdict(
                runs.over_seeds(part, f"{difference}_{score}"),
                "D is better",
                "the length is better",
                needs_width=True,
            )
            d = value(part, f"{of_d}_{score}")
            length = value(part, f"{of_length}_{score}", seeds=False)
            texts.append(f"{order}, {words}: D {d}, minus the bond length {length}: {said}")
    if texts:
        yield f"Rank correlation with bond orders of the same structures: {listed(texts)}."
