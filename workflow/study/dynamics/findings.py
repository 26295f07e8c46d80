"""What molecular dynamics with the model say, and how far they can be trusted."""

from collections.abc import Iterable
from typing import Final

import pandas as pd

from e3d.fields import Column as C
from e3d.statistics import NO, UNDETERMINED, YES, unanimous
from study import runs
from study.dynamics import fields as f
from study.findings.wording import NOT_THERE, Run, Tables, listed, value

_LEADS_FS: Final = (20.0, 100.0)
_PREDICTORS: Final = {
    "D": "D",
    "r_rel": "length over covalent radii",
    "D_mean": "the thermal mean of D",
}


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield whether D announces the break, how replicas end, and what fluctuates with what."""
    bonds, scores = (
        runs.at_run(tables[f"dynamics/{name}"], run) for name in ("dynamics", "breaking")
    )
    scores = scores[(scores[C.MOLECULE] == f.ALL) & (scores[f.WINDOW] == 0)]
    for lead in _LEADS_FS:
        yield _announced(scores[scores[f.LEAD] == lead], lead)
    yield _outcomes(bonds)
    yield _fluctuations(bonds)


def _announced(scores: pd.DataFrame, lead: float) -> str:
    if scores.empty:
        return (
            f"Whether D announces, {lead:g} fs before, which bond breaks first in the model's own "
            "dynamics: undetermined, no break was followed for so long."
        )
    by = {name: scores[scores[f.PREDICTOR] == name] for name in _PREDICTORS}
    texts = [f"{value(by[name], f.PERCENTILE)} by {words}" for name, words in _PREDICTORS.items()]
    return (
        f"{lead:g} fs before the first bond breaks in the model's own dynamics, the share of the "
        f"molecule's other bonds that are ranked stronger is {listed(texts)} (chance 0.50). "
        f"D against chance: {_verdict(by['D'], 'beats_chance')}; D minus length "
        f"{value(by['D'], 'percentile_minus_length')}: {_verdict(by['D'], 'beats_length')} "
        f"({int(by['D']['n_replicas'].sum())} breaks)."
    )


def _verdict(part: pd.DataFrame, column: str) -> str:
    """Return better or worse where every seed says so, else undetermined."""
    return {YES: "better", NO: "worse"}.get(unanimous(part[column]), UNDETERMINED)


def _outcomes(bonds: pd.DataFrame) -> str:
    if bonds.empty:
        return f"Molecular dynamics: {NOT_THERE}."
    each = bonds.drop_duplicates([C.SEED, C.MOLECULE, f.TEMPERATURE])
    columns = ["n_replicas", "n_broken", "n_exploded", "n_broken_below_start"]
    sums = each.groupby(f.TEMPERATURE)[columns].sum()
    texts = [
        f"at {t:g} K, {row['n_broken']} broke and {row['n_exploded']} exploded, of "
        f"{row['n_replicas']}"
        for t, row in sums.iterrows()
    ]
    below, broken = int(sums["n_broken_below_start"].sum()), int(sums["n_broken"].sum())
    text = f"Replicas in dynamics, which extrapolate above 500 K: {listed(texts)}."
    if not broken:
        return text
    holes = ": holes of the model rather than chemistry" if below else ""
    return (
        f"{text} Among the {broken} broken ones, {below} had less potential energy than the "
        f"relaxed molecule{holes}."
    )


def _fluctuations(bonds: pd.DataFrame) -> str:
    cold = bonds[bonds[f.TEMPERATURE] == bonds[f.TEMPERATURE].min()]
    known = cold.drop_duplicates([C.SEED, C.MOLECULE, f.BOND_CLASS]).dropna(subset=[f.PEAK_R])
    if known.empty:
        return "Spectrum of D: undetermined, no replica lived long enough."
    seeds = known.groupby(C.SEED, as_index=False)[[f.R_SHARE, f.D_SHARE]].median()
    correlations = cold.groupby(C.SEED, as_index=False)["correlation"].median()
    return (
        f"At {cold[f.TEMPERATURE].iloc[0]:g} K the median correlation of D with its bond's length "
        f"is {value(correlations, 'correlation')}; within 200 cm^-1 of the peak of the length's "
        f"spectrum lie {value(seeds, f.R_SHARE)} of the length's and {value(seeds, f.D_SHARE)} of "
        f"D's power (medians over {len(known) // known[C.SEED].nunique()} kinds of bond, without "
        "an interval: few replicas)."
    )
