"""Whether bins decide what entropies say, and whether D says more of a bond than its length."""

from collections.abc import Iterable
from typing import Final

import pandas as pd

from e3d.fields import TEST_CONFORMATIONS
from e3d.fields import Column as C
from e3d.statistics import UNDETERMINED, Estimate, unanimous, verdict
from study import runs
from study.entropy import fields
from study.findings.wording import NOT_THERE, Run, Tables, called, listed, test_sets, value

_ENERGIES: Final = {
    fields.D: "D",
    fields.EPS: "both edge energies",
    fields.A: "their difference A",
    fields.NON_BONDED: "D of non-bonded pairs",
}


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield what the entropies of the reference run, and of its model against N, say."""
    shares = runs.at_run(tables["entropy/decomposability"], run)
    yield _against_length(shares, fields.TYPE_BEYOND_R, "of the bond type")
    yield _against_length(
        shares, fields.ORDER_BEYOND_R, "of the bond order, once the elements are known,"
    )
    entropy = tables["entropy/entropy"]
    entropy = entropy[
        (entropy[C.STRUCTURES] == TEST_CONFORMATIONS) & (entropy[C.BOND_TYPE] == fields.WITHIN)
    ]
    yield _bins(runs.at_run(entropy, run))
    yield _with_n(entropy, run)
    yield _others(runs.at_run(entropy, run))


def _against_length(shares: pd.DataFrame, measure: str, what: str) -> str:
    texts = []
    for name in test_sets(shares[C.STRUCTURES]):
        part = shares[(shares[C.STRUCTURES] == name) & (shares[fields.MEASURE] == measure)]
        votes = _by_seed(part, fields.FRACTION_KNN, "D explains more", "D explains less")
        texts.append(f"on {called(name)} {value(part, fields.FRACTION_KNN)}: {unanimous(votes)}")
    return (
        f"Share of the entropy {what} that D explains, less the share that the length of the same "
        f"bonds explains (nearest neighbours, no bins): {listed(texts)}."
    )


def _by_seed(
    part: pd.DataFrame, column: str, above: str, below: str, neither: str = UNDETERMINED
) -> list[str]:
    """Return what the interval of each seed says of a column; undetermined where it has none."""
    found = [Estimate.read(row, column) for row in part.to_dict("records")]
    return [verdict(one, above, below, neither=neither, unknown=UNDETERMINED) for one in found]


def _bins(entropy: pd.DataFrame) -> str:
    part = entropy[entropy[fields.QUANTITY] == fields.D]
    if part.empty:
        return f"Entropy of D within types: {NOT_THERE}."
    votes = _by_seed(part, fields.GAP, "wide", "narrow", "no difference is seen")
    said = unanimous(votes)
    if said in ("wide", "narrow"):
        said = f"the bins are too {said} for this sample, by all seeds"
    elif {"wide", "narrow"} & set(votes):
        said = "they differ by the intervals of some seeds"
    return (
        f"Entropy of D within types: {value(part, fields.KNN)} nats of eV from nearest neighbours; "
        f"the estimate from bins of {part[fields.BIN_WIDTH].iloc[0]:g} eV, H + ln w, less that of "
        f"neighbours on the same bonds is {value(part, fields.GAP)}: {said}."
    )


def _with_n(entropy: pd.DataFrame, run: Run) -> str:
    """Compare the smallest and the largest training set of the reference model."""
    dataset, model, _ = run
    scaled = entropy[
        (entropy[fields.QUANTITY] == fields.SCALED_D)
        & (entropy[C.DATASET] == dataset)
        & (entropy[C.MODEL] == model)
    ]
    sizes = sorted(int(n) for n in scaled[C.N_TRAIN].unique())
    if len(sizes) < 2:
        return f"Entropy of D/sd within types against training frames: {NOT_THERE}."
    first, last = (scaled[scaled[C.N_TRAIN] == n] for n in (sizes[0], sizes[-1]))
    said = verdict(
        runs.over_seeds(last, fields.KNN),
        "it rises",
        "it falls",
        beside=runs.over_seeds(first, fields.KNN),
        neither="undetermined, the intervals overlap",
        unknown="undetermined, without two intervals",
    )
    return (
        "Entropy of D/sd within types, in nats from nearest neighbours, reference model: "
        f"{value(first, fields.KNN)} at {sizes[0]:,} training frames, "
        f"{value(last, fields.KNN)} at {sizes[-1]:,}: {said}."
    )


def _others(entropy: pd.DataFrame) -> str:
    texts = [
        f"{words} {value(entropy[entropy[fields.QUANTITY] == name], fields.ENTROPY_MM)}"
        for name, words in _ENERGIES.items()
    ]
    return f"Entropy within types, in nats and the same bins: {listed(texts)}."
