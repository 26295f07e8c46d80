"""Activation energies, stretched bonds, and bonds that break and form, of the reference run."""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import pandas as pd

from e3d.fields import Column as C
from e3d.statistics import UNDETERMINED, YES, verdict
from study import runs
from study.findings.wording import NOT_THERE, Run, Tables, listed, value
from study.reactivity import fields as f

_MEASURES: Final = {
    "bond_energy": "D",
    "length": "length",
    "pauling": "Pauling's bond order of the length",
    "mayer": "Mayer's bond order of the labels",
}
_PLACES: Final = {
    "inside": "at lengths seen in training",
    "longer": "at longer ones",
    "shorter": "at shorter ones",
    "unknown": "at all lengths, where those seen in training are not known",
}


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield what the reference run says of reactions, a sentence or two each."""
    summary = runs.at_run(tables["reactivity/summary"], run)
    changes = runs.at_run(tables["reactivity/path_changes"], run)
    sets = dict(list(summary[summary["reactions"] == "all"].groupby(f.SET)))
    yield _unimolecular(sets.get("unimolecular", summary[:0]))
    yield _read_off(changes)
    yield _dbh24(sets.get("dbh24", summary[:0]))
    if "transition1x" in sets:
        yield _barriers(sets["transition1x"], "reactions of Transition1x")
    yield _scans(runs.at_run(tables["reactivity/scan_errors"], run))
    yield _crossings(changes)


def _barriers(part: pd.DataFrame, reactions: str, remark: str = "") -> str:
    """Compare the model's error with that of guessing; decided where their intervals lie apart."""
    model, guess = (f.MAE["model"], f.MAE_GUESS)
    if part.empty or not part[[model, guess]].notna().any().all():
        why = NOT_THERE if part.empty else "no labels at the run's level of theory"
        return f"Activation energies of {reactions}: {why}."
    better = verdict(
        runs.over_seeds(part, model),
        "the model does worse",
        "the model does better",
        beside=runs.over_seeds(part, guess),
        neither="whether the model does better is undetermined",
    )
    return (
        f"The model misses the labelled activation energies of {int(part['n_reactions'].max())} "
        f"{reactions} by {value(part, model, ' eV')}{remark}. Guessing the mean label of the other "
        f"reactions misses them by {value(part, guess, ' eV', seeds=False)}: {better}."
    )


def _unimolecular(part: pd.DataFrame) -> str:
    remark = f", with a mean error of {value(part, f.BIAS['model'], ' eV')}"
    outside = part["n_extrapolation"].max()
    if np.isfinite(outside):
        remark += (
            f"; {int(outside)} of the {int(part['n_barriers'].max())} barriers, forward and "
            "backward, are at distances that do not occur in training"
        )
    return _barriers(part, "closed-shell unimolecular reactions", remark)


def _dbh24(part: pd.DataFrame) -> str:
    remark = "" if part.empty else (
        f"; {int(part['n_open_shell'].max())} of them are open-shell, and so extrapolation. The "
        f"labels miss the reference by {value(part, f.MAE['level'], ' eV', seeds=False)}"
    )  # fmt: skip
    return _barriers(part, "neutral reactions of DBH24", remark)


def _scans(part: pd.DataFrame) -> str:
    # labels of broken double bonds are not trusted
    part = part[part[C.BOND_TYPE].str.contains("-", regex=False)]
    if part.empty:
        return f"Stretched bonds: {NOT_THERE}."
    seeds = part.groupby(C.SEED)
    means = {words: seeds[f.ENERGY_MAE[place]].mean() for place, words in _PLACES.items()}
    texts = [
        f"{mean.mean():.2f} eV {words} ({_range(mean)})"
        for words, mean in means.items()
        if mean.notna().any()
    ]
    return (
        f"When {part[f.BOND].nunique()} single bonds are stretched rigidly, the model misses the "
        f"labelled energy by {listed(texts)}: means over bonds, without an interval.{_halves(part)}"
    )


def _halves(part: pd.DataFrame) -> str:
    """Say how far from where the label energy is halfway up D has halved."""
    gap = (part[f.HALF_BOND_ENERGY] - part[f.HALF_LABEL_ENERGY]).groupby(part[C.SEED]).mean()
    if not gap.notna().any():
        return ""
    longer = gap.mean() > 0
    gap = gap if longer else -gap
    return (
        f" D has halved at a distance {gap.mean():.2f} Å {'longer' if longer else 'shorter'} "
        f"({_range(gap)}) than that at which the labelled energy has risen halfway."
    )


def _range(values: "pd.Series[float]") -> str:
    return f"seeds {values.min():.2f} to {values.max():.2f}" if len(values) > 1 else "one seed"


def _read_off(changes: pd.DataFrame) -> str:
    """Say in how many reactions the changed bonds are the pairs of largest change, by measure."""
    known = changes[changes["n_breaking"] + changes["n_forming"] > 0]
    if known.empty:
        return f"Bonds along reaction paths: {NOT_THERE}."
    texts = []
    for measure, words in _MEASURES.items():
        judged = known[known[f"read_off_{measure}"] != UNDETERMINED]
        count = (judged[f"read_off_{measure}"] == YES).groupby(judged[C.SEED]).sum()
        if len(count):
            of = f" of {judged[f.REACTION].nunique()} that can be judged"
            seeds = "" if count.min() == count.max() else " (seeds)"
            texts.append(f"by {words} on {_counts(count)}{seeds}{of * (len(judged) < len(known))}")
    sums = known.groupby(C.SEED)[["n_fall", "n_breaking", "n_rise", "n_forming"]].sum()
    fall, rise = (
        f"{_counts(sums[part])} of {sums[whole].max()}"
        for part, whole in (("n_fall", "n_breaking"), ("n_rise", "n_forming"))
    )
    return (
        f"On {known[f.REACTION].nunique()} reaction paths, the bonds that break or form are the "
        f"pairs that change most from end to end: {listed(texts)}. Which atoms are bonded at "
        f"either end can be seen from distances alone. D falls on {fall} breaking bonds and rises "
        f"on {rise} forming ones."
    )


def _counts(numbers: "pd.Series[Any]") -> str:
    """Return the range of a number over the seeds."""
    low, high = int(numbers.min()), int(numbers.max())
    return str(low) if low == high else f"{low} to {high}"


def _crossings(changes: pd.DataFrame) -> str:
    """Compare where D and Pauling's bond order cross, on reactions that have both and Mayer's."""
    columns = {name: f"crossing_{name}" for name in f.ORDERS}
    known = changes.dropna(subset=list(columns.values()))
    if known.empty:
        return f"Where breaking and forming bonds cross: {NOT_THERE}."
    gap = {
        name: (known[column] - known[columns["mayer"]]).abs().groupby(known[C.SEED]).mean().mean()
        for name, column in columns.items()
    }
    return (
        f"Breaking and forming bonds cross, by D, {gap['bond_energy']:.3f} of the path away from "
        "where they cross by Mayer's bond orders of the labels; by Pauling's bond orders, "
        f"{gap['pauling']:.3f} away (means over {known[f.REACTION].nunique()} reactions, without "
        "an interval)."
    )
