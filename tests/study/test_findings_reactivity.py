"""Sentences on reactions: a verdict needs two intervals that lie apart."""

import numpy as np
import pandas as pd
import pytest

from study.reactivity.findings import _barriers, _crossings, _read_off, _unimolecular

NAN = float("nan")


def summary(model: tuple[float, float, float], guess: tuple[float, float, float]) -> pd.DataFrame:
    row: dict[str, float] = {"seed": 0, "n_reactions": 12, "n_extrapolation": NAN}
    names = ("mae_model_eV", "bias_model_eV", "mae_mean_barrier_eV")
    for name, ends in zip(names, (model, model, guess), strict=True):
        row |= dict(zip((name, f"{name}_lo", f"{name}_hi"), ends, strict=True))
    return pd.DataFrame([row])


@pytest.mark.parametrize(
    ("model", "guess", "verdict"),
    [
        ((0.2, 0.1, 0.3), (0.8, 0.5, 1.1), "the model does better"),
        ((0.5, 0.3, 0.7), (0.8, 0.5, 1.1), "undetermined"),  # below the guess, within its interval
        ((2.0, 1.5, 2.5), (0.8, 0.5, 1.1), "the model does worse"),
        ((0.2, NAN, NAN), (0.8, 0.5, 1.1), "undetermined"),
        ((0.2, 0.1, 0.3), (0.8, NAN, NAN), "undetermined"),
    ],
)
def test_the_guess_has_an_interval_too(
    model: tuple[float, float, float], guess: tuple[float, float, float], verdict: str
) -> None:
    text = _barriers(summary(model, guess), "reactions")
    assert verdict in text
    assert "misses them by 0.80 eV" in text


def test_without_labels_nothing_is_compared() -> None:
    part = summary((NAN, NAN, NAN), (NAN, NAN, NAN))
    assert not np.isfinite(part["mae_model_eV"]).any()
    assert _unimolecular(part).endswith("no labels at the run's level of theory.")


def changes(**columns: object) -> pd.DataFrame:
    """Two reactions of one seed, in which each measure finds one of two changed pairs."""
    row = {"seed": 0, "n_breaking": 1, "n_forming": 1, "n_fall": 1, "n_rise": 1}
    table = pd.DataFrame([row | {"reaction": name} for name in "ab"])
    for name in ("bond_energy", "length", "pauling", "mayer"):
        table[f"read_off_{name}"], table[f"crossing_{name}"] = "yes", 0.5
    return table.assign(**columns)


def test_crossings_are_compared_on_the_same_reactions() -> None:
    """One of two has no crossing of D: Pauling's large miss there must not count against him."""
    text = _crossings(changes(crossing_bond_energy=[0.6, NAN], crossing_pauling=[0.5, 0.9]))
    assert "by D, 0.100 of the path" in text
    assert "by Pauling's bond orders, 0.000 away (means over 1 reactions" in text
    assert "not in the tables" in _crossings(changes(crossing_mayer=NAN))


def test_reactions_that_cannot_be_judged_are_not_counted_as_missed() -> None:
    text = _read_off(changes(read_off_mayer=["yes", "undetermined"]))
    assert "by D on 2;" in text
    assert "by Mayer's bond order of the labels on 1 of 1 that can be judged." in text
