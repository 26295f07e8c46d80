"""What D of the reference run is: errors, order of bonds, distance from references.

The reference run of a dataset has its largest training set and its largest model.
"""

from collections.abc import Iterable

import pandas as pd

from e3d.fields import RELAXED, TEST_CONFORMATIONS, TEST_SPLITS
from e3d.fields import Column as C
from e3d.named_bonds.references import BDE298, REFERENCES
from e3d.statistics import verdict
from e3d.statistics.agreement import BETWEEN, MAE
from e3d.statistics.intervals import all_hold
from study import runs
from study.bde.order import DIFFERENCE, STEPS
from study.fields import BONDED_SHARE, TEST_ALL
from study.findings.wording import (
    NOT_THERE,
    Run,
    Tables,
    called,
    number,
    one_of,
    several,
    test_sets,
    value,
)
from study.words import counted


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield what the reference run's D is, a sentence each."""
    summary = runs.at_run(tables["decompose/summary"], run)
    yield _which(summary, run)
    yield _test_errors(runs.at_run(tables["evaluate/errors"], run))
    yield from _orders(runs.at_run(tables["bde/order"], run))
    relaxed = runs.at_run(tables["bde/summary"], run)
    relaxed = relaxed[(relaxed[C.GEOMETRY] == RELAXED) & (relaxed["molecules"] == "all")]
    yield _errors_of_d(relaxed)
    yield _ranks(relaxed[relaxed["reference"] == BDE298.name])
    share = value(summary[summary[C.STRUCTURES] == TEST_CONFORMATIONS], BONDED_SHARE, digits=3)
    yield (
        f"Of the sum of D over all pairs, bonded pairs have a share of {share} on "
        f"{called(TEST_CONFORMATIONS)}."
    )


def _which(summary: pd.DataFrame, run: Run) -> str:
    dataset, model, n_train = run
    frames = f"{n_train:,}" if n_train else "an unknown number of"
    given = f"the given model {model}" if runs.all_given(summary[C.RUN]) else "the model"
    n_seeds = summary[C.SEED].nunique()
    over = "molecules and seeds" if n_seeds > 1 else "molecules"
    return (
        f"Numbers are of {given} with {int(summary[C.N_PARAMETERS].max()):,} weights and {frames} "
        f"training frames of {dataset} ({counted(n_seeds, 'seed')}), with 95 % intervals over "
        f"{over}."
    )


def _test_errors(errors: pd.DataFrame) -> str:
    errors = errors[errors[C.GROUP_KIND] == "all"]
    texts = [
        f"{value(errors[errors[C.TEST_SET] == name], C.FORCE_MAE, ' meV/Å', digits=0)} on "
        f"{called(name)}"
        for name in test_sets(errors[C.TEST_SET])
    ]
    return f"The mean absolute error of forces is {', '.join(texts)}."


def _orders(order: pd.DataFrame) -> Iterable[str]:
    others = [name for name in test_sets(order[C.STRUCTURES]) if name not in TEST_SPLITS]
    for name in (TEST_ALL, *others):
        yield _order(order[order[C.STRUCTURES] == name], called(name))


def _order(order: pd.DataFrame, where: str) -> str:
    """Say whether D rises from single to double to triple bonds, by the intervals of both steps."""
    parts = [order[(order["lower"] == low) & (order["higher"] == high)] for low, high in STEPS]
    if any(part[DIFFERENCE].isna().all() for part in parts):
        return f"Whether D rises from C-C to C=C and to C#C on {where}: {NOT_THERE}."
    gaps = [runs.over_seeds(part, DIFFERENCE) for part in parts]
    how = one_of(
        all_hold([verdict(gap) for gap in gaps], len(STEPS)),
        "rises",
        "does not rise",
        "is not shown to rise",
    )
    first, second = (number(gap, gap.mean, " eV") for gap in gaps)
    return f"On {where} D {how} from C-C to C=C, by {first}, and from there to C#C, by {second}."


def _errors_of_d(relaxed: pd.DataFrame) -> str:
    texts = [
        f"{several(one.words)} by {value(part, MAE, ' eV')}"
        for name, one in REFERENCES.items()
        if len(part := relaxed[relaxed["reference"] == name])
    ]
    return f"At relaxed geometries D misses {', '.join(texts) or f'the references: {NOT_THERE}'}."


def _ranks(relaxed: pd.DataFrame) -> str:
    return (
        "Between bond types the rank correlation of D with BDE298 (Spearman's rho) is "
        f"{value(relaxed, BETWEEN)}."
    )
