"""Activation energies, stretched bonds, and bonds that break and form, of the reference run."""

from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from e3d.fields import Column as C
from e3d.statistics import UNDETERMINED, YES, verdict
from study import runs
from study.findings.wording import NOT_THERE, Run, Tables, listed, value

_MEASURES: Final = {
    "bond_energy": "D",
    "length": "the change of length alone",
    "pauling": "Pauling's bond order of the length",
    "mayer": "Mayer's bond order of the labels",
}


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield what the reference run says of reactions, a sentence or two each."""
    summary = runs.at_run(tables["reactivity/summary"], run)
    summary = summary[summary["reactions"] == "all"]
    yield _barriers(summary[summary["set"] == "unimolecular"])
    yield _read_off(runs.at_run(tables["reactivity/path_changes"], run))
    yield _extrapolated(summary[summary["set"] == "dbh24"])
    if (summary["set"] == "transition1x").any():
        part = summary[summary["set"] == "transition1x"]
        yield (
            f"Activation energies of {int(part['n_reactions'].max())} reactions of Transition1x miss its labels by "
            f"{value(part, 'mae_model_eV', ' eV')}; {_against_guess(part)}."
        )
    yield _scans(runs.at_run(tables["reactivity/scan_errors"], run))
    yield _crossings(runs.at_run(tables["reactivity/path_changes"], run))


def _barriers(part: pd.DataFrame) -> str:
    if part.empty or not part["mae_model_eV"].notna().any():
        why = NOT_THERE if part.empty else "no labels at the run's level of theory"
        return f"Activation energies of the unimolecular reactions: {why}."
    outside = part["n_extrapolation"].max()
    seen = (
        f", {int(outside)} of {int(part['n_barriers'].max())} barriers at distances not in training"
    )
    return (
        f"Activation energies of {int(part['n_reactions'].max())} closed-shell unimolecular reactions (forward and "
        f"backward{seen if np.isfinite(outside) else ''}) miss the labels at the same geometries by "
        f"{value(part, 'mae_model_eV', ' eV')}, mean error {value(part, 'bias_model_eV', ' eV')}; "
        f"{_against_guess(part)}."
    )


def _against_guess(part: pd.DataFrame) -> str:
    """Say how the model's error compares with that of guessing: decided only where their intervals lie apart."""
    model, guess = (runs.over_seeds(part, name) for name in ("mae_model_eV", "mae_mean_barrier_eV"))
    if not np.isfinite(guess.mean):
        return "no labels at the run's level of theory"
    said = verdict(
        model,
        "the model does worse",
        "the model does better",
        beside=guess,
        neither="undetermined whether the model does better",
    )
    text = value(part, "mae_mean_barrier_eV", " eV", seeds=False)
    return f"guessing the mean labelled barrier of the other reactions misses by {text}, {said}"


def _extrapolated(part: pd.DataFrame) -> str:
    if part.empty:
        return f"Activation energies of DBH24: {NOT_THERE}."
    return (
        f"Of {int(part['n_reactions'].max())} neutral reactions of DBH24, {int(part['n_open_shell'].max())} open-shell "
        f"and so extrapolation, the model misses the labels by {value(part, 'mae_model_eV', ' eV')}, the labels' level "
        f"of theory the reference by {value(part, 'mae_level_eV', ' eV', seeds=False)}; {_against_guess(part)}."
    )


def _scans(part: pd.DataFrame) -> str:
    part = part[
        part[C.BOND_TYPE].str.contains("-", regex=False)
    ]  # labels of broken double bonds are not trusted
    if part.empty:
        return f"Stretched bonds: {NOT_THERE}."
    means = {
        words: part.groupby(C.SEED)[f"energy_mae_{where}_eV"].mean()
        for where, words in (
            ("inside", "at trained lengths"),
            ("longer", "beyond them"),
            ("shorter", "below them"),
        )
    }
    texts = [
        f"{m.mean():.2f} eV {words} ({_range(m)})" for words, m in means.items() if m.notna().any()
    ]
    return (
        f"Stretching {part['bond'].nunique()} single bonds rigidly, the model's energy misses the labels' by "
        f"{listed(texts)}, means over bonds without an interval; all but trained lengths are extrapolation."
        f"{_halves(part)}"
    )


def _halves(part: pd.DataFrame) -> str:
    """Say how far the distance at which D has halved is from where the label energy is halfway up."""
    gap = (
        (part["half_bond_energy_ang"] - part["half_label_energy_ang"]).groupby(part[C.SEED]).mean()
    )
    if not gap.notna().any():
        return ""
    side = "longer" if gap.mean() > 0 else "shorter"
    return (
        f" The distance at which D has halved is {abs(gap.mean()):.2f} Å {side} than that at which the label energy is "
        f"halfway up ({_range(gap)})."
    )


def _range(values: pd.Series) -> str:
    return f"seeds {values.min():.2f} to {values.max():.2f}" if len(values) > 1 else "one seed"


def _read_off(changes: pd.DataFrame) -> str:
    """Say in how many reactions the changed bonds are the pairs of largest change, by each measure."""
    known = changes[changes["n_breaking"] + changes["n_forming"] > 0]
    if known.empty:
        return f"Bonds along reaction paths: {NOT_THERE}."
    texts = []
    for measure, words in _MEASURES.items():
        judged = known[known[f"read_off_{measure}"] != UNDETERMINED]
        counts = (judged[f"read_off_{measure}"] == YES).groupby(judged[C.SEED]).sum()
        if len(counts):
            low, high = int(counts.min()), int(counts.max())
            of = (
                ""
                if len(judged) == len(known)
                else f" of {judged['reaction'].nunique()} that can be judged"
            )
            texts.append(f"{low if low == high else f'{low} to {high} (seeds)'}{of} by {words}")
    fall, rise = (known.groupby(C.SEED)[column].sum().to_numpy() for column in ("n_fall", "n_rise"))
    broken, formed = (
        known.groupby(C.SEED)[column].sum().to_numpy() for column in ("n_breaking", "n_forming")
    )
    return (
        f"Along {known['reaction'].nunique()} reaction paths, from end to end, the bonds that change are exactly the "
        f"pairs that change most in {listed(texts)}; who is bonded at either end is known from distances anyway. "
        f"D falls on {_shares(fall, broken)} of the breaking and rises on {_shares(rise, formed)} of the forming bonds."
    )


def _shares(count: NDArray[np.int64], total: NDArray[np.int64]) -> str:
    low, high = int(count.min()), int(count.max())
    return f"{low if low == high else f'{low} to {high}'} of {int(total.max())}"


def _crossings(changes: pd.DataFrame) -> str:
    """Compare where D and Pauling's bond order cross, on the reactions that have both and Mayer's."""
    names = {"bond_energy": "D", "pauling": "Pauling's bond order"}
    known = changes.dropna(subset=["crossing_mayer", *(f"crossing_{name}" for name in names)])
    if known.empty:
        return f"Where breaking and forming bonds cross: {NOT_THERE}."
    texts = []
    for name, words in names.items():
        gap = (known[f"crossing_{name}"] - known["crossing_mayer"]).abs()
        texts.append(f"{words} {gap.groupby(known[C.SEED]).mean().mean():.3f}")
    return (
        f"Where breaking and forming bonds are equally far along, the mean distance from where Mayer's bond orders of "
        f"the labels say so is, as a share of the path, {listed(texts)} ({known['reaction'].nunique()} reactions that "
        "have all three; no interval over reactions)."
    )
