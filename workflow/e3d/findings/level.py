"""Whether D is far from the literature because of the labels or because of what D represents."""

from collections.abc import Iterable

import pandas as pd

from e3d.fields import REFERENCE_NAMES, TEST_CONFORMATIONS
from e3d.fields import Column as C
from e3d.figures import style
from e3d.findings.wording import Run, Tables, listed, value
from e3d.scores import BETWEEN, WITHIN


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
    by_seed = table.assign(error=table["separation_error_eV"].abs(), size=table["label_separation_eV"].abs())
    means = by_seed.groupby(C.SEED)[["error", "size"]].mean()
    error, size, n = means["error"], means["size"].mean(), table[C.MOLECULE].nunique()
    beats = "smaller" if (error < size).all() else "larger" if (error > size).all() else "not consistently smaller"
    return (
        f"Bond separation (what bond additivity cannot give, {n} molecules): D misses the labels by "
        f"{error.mean():.2f} eV (seeds {error.min():.2f} to {error.max():.2f}), {beats} than the {size:.2f} eV "
        "by which zero, additivity's answer, misses them; too few molecules for an interval."
    )


def _orders(table: pd.DataFrame) -> Iterable[str]:
    texts = []
    for order, part in table.groupby("order", sort=True):
        scores = []
        for score, words in ((BETWEEN, "between types"), (WITHIN, "within types")):
            difference = style.over_seeds(part, f"difference_{score}")
            verdict = "undetermined"
            if difference.has_interval and (difference.lo > 0 or difference.hi < 0):
                verdict = "D better" if difference.lo > 0 else "the length better"
            length = value(part, f"length_{score}", seeds=False)
            scores.append(f"{words} {value(part, f'd_{score}')}, minus the bond length {length}: {verdict}")
        texts.append(f"{order} {', '.join(scores)}")
    if texts:
        yield f"Rank correlation of D with bond orders of the same structures: {listed(texts)}."
