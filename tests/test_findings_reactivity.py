"""Sentences on reactions: a verdict needs two intervals that lie apart."""

import numpy as np
import pandas as pd
import pytest

from e3d.findings.reactivity import _against_guess

NAN = float("nan")


def summary(model: tuple[float, float, float], guess: tuple[float, float, float]) -> pd.DataFrame:
    row: dict[str, float] = {"seed": 0}
    for name, ends in (("mae_model_eV", model), ("mae_mean_barrier_eV", guess)):
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
    text = _against_guess(summary(model, guess))
    assert verdict in text
    assert "misses by 0.80 eV" in text


def test_without_labels_nothing_is_compared() -> None:
    part = summary((NAN, NAN, NAN), (NAN, NAN, NAN))
    assert not np.isfinite(part["mae_model_eV"]).any()
    assert _against_guess(part) == "no labels at the run's level of theory"
