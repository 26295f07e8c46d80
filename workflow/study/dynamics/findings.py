"""What molecular dynamics with the model say: how far it can be trusted, and whether D foretells a break."""

from collections.abc import Iterable

import pandas as pd

from e3d.fields import Column as C
from e3d.statistics import NO, UNDETERMINED, YES, unanimous
from study import runs
from study.findings.wording import NOT_THERE, Run, Tables, listed, value

_ALL = "all"
_LEADS = (20.0, 100.0)


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield whether D foretells which bond breaks first, what fluctuates with what, and how replicas end."""
    bonds, scores = (
        runs.at_run(tables[f"dynamics/{name}"], run) for name in ("dynamics", "breaking")
    )
    scores = scores[(scores[C.MOLECULE] == _ALL) & (scores["window_fs"] == 0)]
    for lead in _LEADS:
        yield _foretold(scores[scores["lead_fs"] == lead], lead)
    yield _outcomes(bonds)
    yield _fluctuations(bonds)


def _foretold(scores: pd.DataFrame, lead: float) -> str:
    start = f"{lead:g} fs before the first bond breaks in the model's own dynamics"
    if scores.empty:
        return (
            f"{start}, whether D tells which one: undetermined, no break was followed for so long."
        )
    by = {name: scores[scores["predictor"] == name] for name in ("D", "r_rel", "D_mean")}
    texts = [
        f"D {value(by['D'], 'percentile')}",
        f"length over covalent radii {value(by['r_rel'], 'percentile')}",
        f"the thermal mean of D {value(by['D_mean'], 'percentile')}",
    ]
    difference = value(by["D"], "percentile_minus_length")
    return (
        f"{start}, the share of the molecule's other bonds that are ranked stronger (chance 0.50): {listed(texts)}. "
        f"D against chance: {_verdict(by['D'], 'beats_chance')}; D less length {difference}: "
        f"{_verdict(by['D'], 'beats_length')} ({int(by['D']['n_replicas'].sum())} breaks)."
    )


def _verdict(part: pd.DataFrame, column: str) -> str:
    """Return better or worse where every seed says so, else undetermined."""
    return {YES: "better", NO: "worse"}.get(unanimous(part[column]), UNDETERMINED)


def _outcomes(bonds: pd.DataFrame) -> str:
    if bonds.empty:
        return f"Molecular dynamics: {NOT_THERE}."
    each = bonds.drop_duplicates([C.SEED, C.MOLECULE, "temperature_K"])
    sums = each.groupby("temperature_K")[
        ["n_replicas", "n_broken", "n_exploded", "n_broken_below_start"]
    ].sum()
    texts = [
        f"{t:g} K {row['n_broken']} broken, {row['n_exploded']} exploded of {row['n_replicas']}"
        for t, row in sums.iterrows()
    ]
    below, broken = int(sums["n_broken_below_start"].sum()), int(sums["n_broken"].sum())
    text = f"Replicas in dynamics (all above 500 K is extrapolation): {listed(texts)}."
    if not broken:
        return text
    holes = ": holes of the model rather than chemistry" if below else ""
    return f"{text} Of {broken} broken ones {below} had less potential energy than the relaxed molecule{holes}."


def _fluctuations(bonds: pd.DataFrame) -> str:
    cold = bonds[bonds["temperature_K"] == bonds["temperature_K"].min()]
    known = cold.drop_duplicates([C.SEED, C.MOLECULE, "bond_class"]).dropna(subset=["peak_r_cm"])
    if known.empty:
        return "Spectrum of D: undetermined, no replica lived long enough."
    seeds = known.groupby(C.SEED, as_index=False)[
        ["r_share_at_peak_r", "bond_energy_share_at_peak_r"]
    ].median()
    correlations = cold.groupby(C.SEED, as_index=False)["correlation"].median()
    return (
        f"At {cold['temperature_K'].iloc[0]:g} K the median correlation of D with its bond's length is "
        f"{value(correlations, 'correlation')}; within 200 cm^-1 of the peak of the length's spectrum lie "
        f"{value(seeds, 'r_share_at_peak_r')} of the length's and {value(seeds, 'bond_energy_share_at_peak_r')} of D's "
        f"power (medians over {len(known) // known[C.SEED].nunique()} kinds of bond, no interval: few replicas)."
    )
