"""Whether D is far from the literature because of the labels or because of what D represents."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from e3d.fields import REFERENCE_NAMES, TEST_CONFORMATIONS
from e3d.fields import Column as C
from e3d.figures import style
from e3d.findings.wording import Run, Tables, listed, value
from e3d.scores import BETWEEN, TIE_EV, WITHIN
from e3d.statistics import group_mean


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield the split of D's error, bond separation and bond orders."""
    yield _split(style.at_run(tables["level/summary"], run))
    yield _separation(style.at_run(tables["level/separation"], run))
    orders = style.at_run(tables["level/orders"], run)
    yield from _orders(orders[orders[C.STRUCTURES] == TEST_CONFORMATIONS])


def _split(table: pd.DataFrame) -> str:
    table = table[table[C.GEOMETRY] == "relaxed"]
    texts = []
    for kind, label in REFERENCE_NAMES.items():
        part = table[table["reference"] == kind]
        if part.empty:
            continue
        excess = style.over_seeds(part, "excess_mae_eV")
        verdict = "undetermined which is larger"
        if excess.has_interval and excess.lo > 0:
            verdict = "the representation's is larger"
        elif excess.has_interval and excess.hi < 0:
            verdict = "the labels' is larger"
        own, theirs = value(part, "representation_mae_eV", " eV"), value(part, "labels_mae_eV", " eV", seeds=False)
        texts.append(
            f"{label} ({int(part['n_bonds'].max())} bonds) {own} from the labels' own value, which is {theirs} from "
            f"the literature: {verdict}"
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
    found = [group_mean(excess[rows], molecules[rows]) for rows in here]  # paired, a molecule left out in turn
    lo, hi = (pick([getattr(one, end) for one in found]) for pick, end in ((np.min, "lo"), (np.max, "hi")))
    beats = "smaller" if hi < 0 else "larger" if lo > 0 else "undetermined whether smaller or larger"
    interval = f"[{lo:.2f}, {hi:.2f}]" if np.isfinite(lo) else "[no interval]"
    return (
        f"Bond separation (what bond additivity cannot give, {molecules.max() + 1} molecules): D misses the labels by "
        f"{means.mean():.2f} eV (seeds {means.min():.2f} to {means.max():.2f}), zero, additivity's answer, by "
        f"{size.mean():.2f} eV; D minus zero {excess.mean():.2f} eV {interval}: {beats}."
    )


def _orders(table: pd.DataFrame) -> Iterable[str]:
    texts = []
    for order, part in table.groupby("order", sort=True):
        scores = []
        for score, words in ((BETWEEN, "between types"), (WITHIN, "within types")):
            difference = style.over_seeds(part, f"difference_{score}")
            verdict = "undetermined"
            # no width: few types have few orders, and all replicates may agree
            wide = difference.has_interval and difference.hi - difference.lo > TIE_EV
            if wide and (difference.lo > 0 or difference.hi < 0):
                verdict = "D better" if difference.lo > 0 else "the length better"
            length = value(part, f"length_{score}", seeds=False)
            scores.append(f"{words} {value(part, f'd_{score}')}, minus the bond length {length}: {verdict}")
        texts.append(f"{order} {', '.join(scores)}")
    if texts:
        yield f"Rank correlation of D with bond orders of the same structures: {listed(texts)}."
