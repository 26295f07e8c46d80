"""What entropies say: whether bins decide the answer, and whether D tells more of a bond than its length does."""

from collections.abc import Iterable

import pandas as pd

from e3d.fields import TEST_CONFORMATIONS, TEST_SPLITS
from e3d.fields import Column as C
from e3d.statistics import UNDETERMINED, Estimate, unanimous, verdict
from study import runs
from study.findings.wording import NOT_THERE, SETS, Run, Tables, listed, value

_WITHIN = "within types"


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield what the entropies of the reference run, and of its model against N, say."""
    told = runs.at_run(tables["entropy/decomposability"], run)
    yield _against_length(told, "I(D/sd; type) - I(r; type)", "the bond type")
    yield _against_length(
        told, "I(D; order | elements) - I(r; order | elements)", "the bond order, elements known,"
    )
    entropy = tables["entropy/entropy"]
    entropy = entropy[
        (entropy[C.STRUCTURES] == TEST_CONFORMATIONS) & (entropy[C.BOND_TYPE] == _WITHIN)
    ]
    yield _bins(runs.at_run(entropy, run))
    yield _with_n(entropy, run)
    yield _others(runs.at_run(entropy, run))


def _against_length(told: pd.DataFrame, measure: str, what: str) -> str:
    texts = []
    for name in TEST_SPLITS:
        part = told[(told[C.STRUCTURES] == name) & (told["measure"] == measure)]
        more = unanimous(_by_seed(part, "fraction_knn", "D tells more", "D tells less"))
        texts.append(f"on {SETS[name]} {value(part, 'fraction_knn')}: {more}")
    return (
        f"Share of the entropy of {what} that D tells, less what the bond length tells of the same bonds (nearest "
        f"neighbours, no bins): {listed(texts)}."
    )


def _by_seed(
    part: pd.DataFrame, column: str, above: str, below: str, neither: str = UNDETERMINED
) -> list[str]:
    """Return what the interval of each seed says of a column; undetermined where there is none."""
    found = [Estimate.read(row, column) for row in part.to_dict("records")]
    return [verdict(one, above, below, neither=neither, unknown=UNDETERMINED) for one in found]


def _bins(entropy: pd.DataFrame) -> str:
    part = entropy[entropy["quantity"] == "D"]
    if part.empty:
        return f"Entropy of D within types: {NOT_THERE}."
    gap = "binned_minus_knn_nats"
    same = "no difference is seen"
    votes = _by_seed(part, gap, "wide", "narrow", same)
    said = unanimous(votes)
    if said in ("wide", "narrow"):
        said = f"the bins are too {said} for this sample, by all seeds"
    elif {"wide", "narrow"} & set(votes):
        said = "they differ by the intervals of some seeds"
    return (
        f"Entropy of D within types: nearest neighbours {value(part, 'differential_knn_nats')} nats of eV; H + ln w in "
        f"bins of {part['bin_width'].iloc[0]:g} eV less that, on the same bonds, {value(part, gap)}: {said}."
    )


def _with_n(entropy: pd.DataFrame, run: Run) -> str:
    """Compare the smallest and the largest training set of the reference model."""
    scaled = entropy[
        (entropy["quantity"] == "D/sd")
        & (entropy[C.DATASET] == run[0])
        & (entropy[C.MODEL] == run[1])
    ]
    sizes = sorted(int(n) for n in scaled[C.N_TRAIN].unique())
    column = "differential_knn_nats"
    if len(sizes) < 2:
        return f"Entropy of D/sd within types against training frames: {NOT_THERE}."
    first, last = (scaled[scaled[C.N_TRAIN] == n] for n in (sizes[0], sizes[-1]))
    a, b = runs.over_seeds(first, column), runs.over_seeds(last, column)
    said = verdict(
        b,
        "it rises",
        "it falls",
        beside=a,
        neither="undetermined, the intervals overlap",
        unknown="undetermined, without two intervals",
    )
    return (
        f"Entropy of D/sd within types (nearest neighbours, nats), {run[1]}: {value(first, column)} at {sizes[0]:,} "
        f"training frames, {value(last, column)} at {sizes[-1]:,}: {said}."
    )


def _others(entropy: pd.DataFrame) -> str:
    names = {
        "D": "D",
        "eps": "both edge energies",
        "A": "their difference A",
        "D non-bonded": "D of non-bonded pairs",
    }
    texts = [
        f"{label} {value(entropy[entropy['quantity'] == name], 'entropy_mm_nats')}"
        for name, label in names.items()
    ]
    return f"Entropy within types, in nats and the same bins: {listed(texts)}."
