"""What D of the reference run is: errors, order of bonds, distance from references.

The reference run of a dataset has its largest training set and its largest model. Numbers are means
over its seeds. Square brackets hold the widest 95 % interval: from the smallest lower to the
largest upper end over the seeds. The lowest and the highest seed follow.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import pandas as pd

from e3d.fields import NAMED_BONDS, RELAXED, TEST_CONFORMATIONS, TEST_SPLITS
from e3d.fields import Column as C
from e3d.named_bonds.references import REFERENCES
from e3d.statistics import NO, UNDETERMINED, YES, unanimous, verdict
from e3d.statistics.agreement import BETWEEN, MAE, WITHIN
from e3d.statistics.intervals import all_hold
from e3d.units import EV_KCAL_MOL
from study import runs
from study.bde.nearest import FIRST, GAP, NEARER, SECOND
from study.bde.order import DIFFERENCE, STEPS
from study.entropy.fields import (
    FRACTION_MM,
    MEASURE,
    ORDER_BY_D,
    ORDER_BY_R,
    TYPE_BY_R,
    TYPE_BY_SCALED_D,
)
from study.fields import BONDED_SHARE, TEST_ALL
from study.findings.wording import (
    NOT_THERE,
    Run,
    Tables,
    called,
    counted,
    listed,
    test_sets,
    value,
    zero,
)

_GROUPS: Final = {"in_training": "in training", "not_in_training": "not in training"}


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield what the reference run's D is, a sentence or two each."""
    summary = tables["decompose/summary"]
    yield _which(runs.at_run(summary, run), run)
    yield _test_errors(runs.at_run(tables["evaluate/errors"], run))
    yield _order(runs.at_run(tables["bde/order"], run))
    relaxed = runs.at_run(tables["bde/summary"], run)
    relaxed = relaxed[relaxed[C.GEOMETRY] == RELAXED]
    every = relaxed[relaxed["molecules"] == "all"]
    yield _errors_of_d(every)
    nearest = runs.at_run(tables["bde/nearest"], run)
    yield _nearest(nearest[nearest[C.GEOMETRY] == RELAXED])
    yield _errors_by_training(relaxed)
    yield _ranks(every)
    yield _decomposability(runs.at_run(tables["entropy/decomposability"], run))
    yield _bonded_share(runs.at_run(summary, run))
    yield _sum_rule(summary)


def _which(summary: pd.DataFrame, run: Run) -> str:
    dataset, model, n_train = run
    frames = f"{n_train:,}" if n_train else "an unknown number of"
    given = ", a given model" if runs.all_given(summary[C.RUN]) else ""
    return (
        f"Reference run: {dataset}, {frames} training frames, model {model}{given} "
        f"({int(summary[C.N_PARAMETERS].max()):,} parameters), "
        f"{counted(summary[C.SEED].nunique(), 'seed')}. Numbers are means over the seeds; square "
        "brackets hold the widest 95 % interval of any seed. Intervals are jackknives over "
        "molecules and are not clipped; those of scaling exponents come from the fit."
    )


def _test_errors(errors: pd.DataFrame) -> str:
    errors = errors[errors[C.GROUP_KIND] == "all"]
    texts = []
    for name in test_sets(errors[C.TEST_SET]):
        part = errors[errors[C.TEST_SET] == name]
        force = value(part, C.FORCE_MAE, " meV/Å", digits=0)
        energy = value(part, C.ENERGY_MAE, " meV/atom", digits=1)
        texts.append(f"on {called(name)} force MAE {force}, energy MAE {energy}")
    return f"Test errors: {listed(texts)}."


def _order(order: pd.DataFrame) -> str:
    texts = []
    others = [name for name in test_sets(order[C.STRUCTURES]) if name not in TEST_SPLITS]
    for name in (TEST_ALL, *others, NAMED_BONDS):
        part = order[order[C.STRUCTURES] == name]
        steps = [part[(part["lower"] == low) & (part["higher"] == high)] for low, high in STEPS]
        gaps = [
            f"{higher} minus {lower} {value(rows, DIFFERENCE, ' eV')}{_molecules(rows)}"
            for (lower, higher), rows in zip(STEPS, steps, strict=True)
        ]
        said = _verdict(steps, sorted(order[C.SEED].unique()))
        texts.append(f"On {called(name)}: {said}; {', '.join(gaps)}")
    return (
        "Does mean D rise from C-C to C=C and from C=C to C#C, by the interval of each step? "
        f"{'. '.join(texts)}."
    )


def _molecules(rows: pd.DataFrame) -> str:
    """Say from how many molecules the two types of a step were taken."""
    if rows.empty:
        return ""
    higher, lower = (int(rows[f"n_molecules_{end}"].max()) for end in ("higher", "lower"))
    return f" from {higher} and {lower} molecules"


def _verdict(steps: Sequence[pd.DataFrame], seeds: Sequence[int]) -> str:
    """Count the seeds for which both steps hold, one is reversed, or intervals leave it open."""
    holds = pd.concat(steps)
    of_seeds = [holds.loc[holds[C.SEED] == seed, "holds"] for seed in seeds]
    votes = Counter(all_hold(labels, len(steps)) for labels in of_seeds)
    said = [f"{word} in {votes[word]} of {len(seeds)}" for word in (YES, NO, UNDETERMINED)
            if votes[word]]  # fmt: skip
    return f"{', '.join(said) or 'undetermined in all'} {'seed' if len(seeds) == 1 else 'seeds'}"


def _errors_of_d(relaxed: pd.DataFrame) -> str:
    texts = []
    for name, reference in REFERENCES.items():
        part = relaxed[relaxed["reference"] == name]
        in_kcal = part.assign(
            **{one: part[one] * EV_KCAL_MOL for one in part.columns if one.startswith(MAE)}
        )
        kcal = value(in_kcal, MAE, " kcal/mol", digits=1, seeds=False)
        texts.append(
            f"against {reference.words} {value(part, MAE, ' eV')}, that is {kcal}{_bonds(part)}"
        )
    return f"MAE of D at the relaxed geometry: {listed(texts)}."


def _nearest(relaxed: pd.DataFrame) -> str:
    texts = []
    for (first, second), part in relaxed.groupby([FIRST, SECOND], sort=False):
        one, other = (REFERENCES[str(name)].words for name in (first, second))
        votes = unanimous(part[NEARER])
        said = f"nearer to {REFERENCES[votes].words}" if votes in REFERENCES else votes
        gap = value(part, GAP, " eV")
        texts.append(f"MAE against {one} less that against {other} {gap}{_bonds(part)}: {said}")
    return f"Which reference is D nearest to, paired on the same bonds? {listed(texts)}."


def _errors_by_training(relaxed: pd.DataFrame) -> str:
    if not (relaxed["molecules"] == "in_training").any():
        outside = relaxed[relaxed["molecules"] == "not_in_training"]
        texts = [
            f"{one.words} {value(part, MAE, ' eV')}{_bonds(part)}"
            for name, one in REFERENCES.items()
            if len(part := outside[outside["reference"] == name])
        ]
        return (
            "Which molecules it was trained on is not known, but for those smaller than any of its "
            f"training frames, which were not in training. The same MAE for these: "
            f"{listed(texts) or NOT_THERE}."
        )
    texts = []
    for name, reference in REFERENCES.items():
        part = relaxed[relaxed["reference"] == name]
        groups = {words: part[part["molecules"] == group] for group, words in _GROUPS.items()}
        found = [
            f"{words} {value(rows, MAE, ' eV')}{_bonds(rows)}" for words, rows in groups.items()
        ]
        texts.append(f"{reference.words}: {', '.join(found)}")
    return f"The same MAE by whether the molecule was in training: {listed(texts)}."


def _bonds(part: pd.DataFrame) -> str:
    return f", {counted(int(part['n_bonds'].max()), 'bond')}" if len(part) else ""


def _ranks(relaxed: pd.DataFrame) -> str:
    between, within = [], []
    for name, reference in REFERENCES.items():
        part = relaxed[relaxed["reference"] == name]
        between.append(f"{reference.words} {value(part, BETWEEN)}")
        pairs = int(part["n_pairs_within_types"].max()) if len(part) else 0
        s = runs.over_seeds(part, WITHIN)
        known = s.has_interval and pairs > 1
        text = value(part, WITHIN) if known else UNDETERMINED
        within.append(
            f"{reference.words} {text}, {counted(pairs, 'pair')}{zero(s) if known else ''}"
        )
    return (
        f"Rank correlation of D between bond types (Spearman): {', '.join(between)}. "
        f"Within bond types (Kendall): {', '.join(within)}."
    )


def _decomposability(shares: pd.DataFrame) -> str:
    shares = shares[shares[C.STRUCTURES] == TEST_CONFORMATIONS]
    d, r, order_d, order_r = (
        shares[shares[MEASURE] == measure]
        for measure in (TYPE_BY_SCALED_D, TYPE_BY_R, ORDER_BY_D, ORDER_BY_R)
    )
    return (
        "Decomposability, the share of the bond type's entropy that D/sd explains: "
        f"{value(d, FRACTION_MM)}; the bond length alone explains {value(r, FRACTION_MM)}: "
        f"{_compare(d, r)}. Once the elements are known, D explains "
        f"{value(order_d, FRACTION_MM)} of the entropy of the bond order, and the bond length "
        f"{value(order_r, FRACTION_MM)}."
    )


def _compare(d: pd.DataFrame, r: pd.DataFrame) -> str:
    """Say whether D explains more than r, only where the intervals are apart."""
    if d.empty or r.empty:
        return "not to be compared"
    first, second = runs.over_seeds(d, FRACTION_MM), runs.over_seeds(r, FRACTION_MM)
    return verdict(
        first,
        "D explains more",
        "D explains less",
        beside=second,
        neither="undetermined, the intervals overlap",
        unknown="undetermined, an interval is missing",
    )


def _bonded_share(summary: pd.DataFrame) -> str:
    texts = [
        f"{called(name)} {value(summary[summary[C.STRUCTURES] == name], BONDED_SHARE, digits=3)}"
        for name in (*test_sets(summary[C.STRUCTURES]), NAMED_BONDS)
    ]
    return f"Bonded share of the sum of D (1 if all of it sits on bonds): {listed(texts)}."


def _sum_rule(summary: pd.DataFrame) -> str:
    return (
        "Sum rule: shifts plus edge energies differ from the model's own total by at most "
        f"{summary[C.SUM_RULE].max():.1e} eV over {int(summary['frames'].sum()):,} "
        f"decomposed frames in {counted(summary[C.RUN].nunique(), 'run')}."
    )
