"""Scaling forms: exact data give their parameters, noise honest intervals, thin grids none."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from e3d import tables
from e3d.fields import METRICS
from e3d.fields import Column as C
from study.scaling.fits import (
    FLOOR,
    POWER,
    SURFACE,
    Form,
    fit,
    fits,
    identifiable,
    predict,
    write_table,
)

N = np.array([32.0, 64, 128, 256, 512, 1024])
SIZES = np.array([2e3, 1e4, 5e4, 2.5e5])
# least_squares stops at a relative change of 1e-8 in the cost; exact data leave about its root
FIT_TOLERANCE = 1e-3


def _grid() -> tuple[np.ndarray, np.ndarray]:
    n, m = np.meshgrid(N, SIZES)
    return n.ravel(), m.ravel()


def _truth(form: Form) -> np.ndarray:
    return np.array([900.0, 0.6, 12.0, 4000.0, 0.7])[: len(form.parameters)]


@pytest.mark.parametrize("values", [(50.0, 0.25), (3.0, 1.2), (0.02, 0.05), (5.0, -0.1)])
def test_an_exact_power_law_is_recovered_with_its_amplitude(values: tuple[float, float]) -> None:
    best = fit(POWER, N, values[0] * N ** -values[1])
    np.testing.assert_allclose(best.values, values, rtol=FIT_TOLERANCE)
    assert (best.hi - best.lo < 2e-3 * np.abs(values)).all()


@pytest.mark.parametrize("floor", [0.5, 12.0, 40.0])
def test_an_exact_floor_is_recovered(floor: float) -> None:
    truth = np.array([900.0, 0.6, floor])
    best = fit(FLOOR, N, predict(FLOOR, truth, N))
    np.testing.assert_allclose(best.values, truth, rtol=10 * FIT_TOLERANCE)


@pytest.mark.parametrize("exponents", [(0.6, 0.7), (0.25, 0.4), (1.0, 0.3)])
def test_an_exact_surface_is_recovered(exponents: tuple[float, float]) -> None:
    n, m = _grid()
    truth = np.array([900.0, exponents[0], 12.0, 4000.0, exponents[1]])
    best = fit(SURFACE, n, predict(SURFACE, truth, n, m), m)
    np.testing.assert_allclose(best.values, truth, rtol=20 * FIT_TOLERANCE)


def test_predict() -> None:
    n, m = np.array([100.0]), np.array([1e4])
    assert predict(POWER, np.array([50.0, 0.5]), n)[0] == pytest.approx(5.0)
    assert predict(FLOOR, np.array([50.0, 0.5, 2.0]), n)[0] == pytest.approx(7.0)
    assert predict(SURFACE, np.array([50.0, 0.5, 2.0, 300.0, 0.5]), n, m)[0] == pytest.approx(10.0)


def test_intervals_cover_the_exponent_and_the_amplitude() -> None:
    rng = np.random.default_rng(1)
    n, trials = N[:5], 400
    truth = np.array([50.0, 0.25])
    inside = np.zeros(2)
    for _ in range(trials):
        best = fit(POWER, n, predict(POWER, truth, n) * np.exp(0.03 * rng.normal(size=len(n))))
        inside += (best.lo < truth) & (truth < best.hi)
    # binomial standard error 0.011
    assert inside / trials == pytest.approx([0.95, 0.95], abs=0.045), inside / trials


def test_a_power_law_is_ordinary_least_squares_in_log_space() -> None:
    loss = 50 * N**-0.25 * np.exp(0.1 * np.random.default_rng(2).normal(size=len(N)))
    best = fit(POWER, N, loss)
    line = stats.linregress(np.log(N), np.log(loss))
    half = stats.t.ppf(0.975, len(N) - 2) * line.stderr
    expected = (-line.slope, -line.slope - half, -line.slope + half)
    found = (best.values[1], best.lo[1], best.hi[1])
    assert found == pytest.approx(expected, rel=FIT_TOLERANCE)


def _cross() -> tuple[np.ndarray, np.ndarray]:
    """Return a diagonal of 4 N and 4 M and some more points off it, never 4 N at one M."""
    pairs = [(32, 1), (64, 2), (128, 3), (256, 4), (64, 1), (128, 2), (256, 3)]
    n, m = np.array(pairs, dtype=float).T
    return n, m


@pytest.mark.parametrize(
    ("form", "n", "m", "text"),
    [
        (POWER, [32, 64, 128, 128], None, "3 values of N, the form needs 4"),
        (FLOOR, [32, 64, 128, 256], None, "4 values of N, the form needs 5"),
        (SURFACE, *_grid(), "ok"),
        (SURFACE, *(axis[_grid()[1] > 2e3] for axis in _grid()), "3 model sizes, the form needs 4"),
        (SURFACE, *(axis[_grid()[0] > 128] for axis in _grid()), "3 values of N, the form needs 4"),
        (SURFACE, [32, 64, 128, 256], [1, 2, 3, 4], "4 points, the form has 5 parameters"),
        (SURFACE, *_cross(), "values of N at one size"),
        (POWER, [32, 64, 128, 256], None, "ok"),
        (FLOOR, [32, 64, 128, 256, 512], None, "ok"),
    ],
)
def test_what_a_grid_can_identify(form: Form, n: Any, m: Any, text: str) -> None:
    n, m = np.asarray(n, dtype=float), None if m is None else np.asarray(m, dtype=float)
    assert text in identifiable(form, n, m, n_seeds=2)


def test_four_runs_do_not_make_an_exponent() -> None:
    n = np.array([32.0, 64, 128, 256])
    alone = identifiable(POWER, n, n_seeds=1)
    assert alone == "not identifiable: 4 runs with the same seeds, a fit needs 6"
    assert identifiable(POWER, n, n_seeds=2) == "ok"


# --- the table of fits


def _errors(
    loss: Callable[[float, float, int], float],
    n_train: Sequence[float],
    seeds: int = 2,
    sizes: int = 2,
) -> pd.DataFrame:
    rows = []
    for (k, m), n, seed in itertools.product(enumerate(SIZES[:sizes]), n_train, range(seeds)):
        value = loss(n, m, seed)
        run = {
            C.RUN: f"a/n{n:.0f}/m{k}/s{seed}",
            C.DATASET: "a",
            C.N_TRAIN: n,
            C.MODEL: f"m{k}",
            C.SEED: seed,
        }
        run |= {C.TEST_SET: "test-molecules", C.N_PARAMETERS: m, **dict.fromkeys(METRICS, value)}
        rows += [
            {**run, C.GROUP_KIND: "all"},
            {**run, C.GROUP_KIND: "molecule", **dict.fromkeys(METRICS, np.nan)},
        ]
    return pd.DataFrame(rows).rename(columns=str)


def _status(table: pd.DataFrame, form: Form) -> set[str]:
    return set(table.loc[table["form"] == form.name, "status"])


def test_a_table_of_exact_power_laws() -> None:
    table = fits(_errors(lambda n, m, seed: m**0.1 * n**-0.3 * (1 + 0.02 * seed), N[:4]))
    power = table[(table["form"] == "power") & (table["status"] == "ok")]
    alpha = power[power["parameter"] == "alpha"]
    assert len(alpha) == len(METRICS) * 2
    np.testing.assert_allclose(alpha["value"], 0.3, rtol=FIT_TOLERANCE)
    a = power[(power["parameter"] == "a") & (power["model"] == "m0")]
    np.testing.assert_allclose(a["value"], SIZES[0] ** 0.1 * 1.01, rtol=FIT_TOLERANCE)
    assert set(power["n_points"]) == {4}
    assert set(power["n_seeds"]) == {2}
    assert _status(table, FLOOR) == {"not identifiable: 4 values of N, the form needs 5"}
    assert _status(table, SURFACE) == {"not identifiable: 2 model sizes, the form needs 4"}


def test_rows_that_cannot_be_fitted_say_so_and_hold_no_number() -> None:
    table = fits(_errors(lambda n, m, seed: n**-0.3, N[:2]))
    assert all(status.startswith("not identifiable: 2 values of N") for status in table["status"])
    assert len(table) == len(METRICS) * (2 * 2 + 1)
    assert set(table["parameter"]) == {""}
    assert "value" not in table or table["value"].isna().all()


def test_a_full_grid_gives_the_surface() -> None:
    truth = _truth(SURFACE)
    table = fits(
        _errors(
            lambda n, m, seed: float(predict(SURFACE, truth, np.array(n), np.array(m))), N, 1, 4
        )
    )
    surface = table[(table["form"] == "surface") & (table["metric"] == str(C.FORCE_MAE))].set_index(
        "parameter"
    )
    assert surface.index.tolist() == list(SURFACE.parameters)
    np.testing.assert_allclose(surface["value"], truth, rtol=20 * FIT_TOLERANCE)
    assert set(surface["model"]) == {"all"}
    assert set(surface["n_seeds"]) == {1}


def test_seeds_that_some_n_lack_do_not_count() -> None:
    """The further seeds of the largest N would bend the line."""
    errors = _errors(lambda n, m, seed: n**-0.3 * (10.0 if seed else 1.0), N[:5], seeds=3)
    kept = errors[(errors[C.SEED] == 0) | (errors[C.N_TRAIN] == N[4])]
    assert _status(fits(kept), POWER) == {
        "not identifiable: 5 runs with the same seeds, a fit needs 6"
    }
    more = errors[(errors[C.SEED] < 2) | (errors[C.N_TRAIN] == N[4])]
    table = fits(more)
    alpha = table[(table["form"] == "power") & (table["parameter"] == "alpha")]
    assert set(alpha["n_seeds"]) == {2}
    np.testing.assert_allclose(alpha["value"], 0.3, rtol=FIT_TOLERANCE)


def test_a_floor_is_given_only_where_there_is_one() -> None:
    truth = np.array([900.0, 0.6, 12.0])
    wiggle = lambda n: np.exp(0.002 * np.sin(50 * n))  # noqa: E731
    there = fits(_errors(lambda n, m, seed: float(predict(FLOOR, truth, np.array(n))) * wiggle(n),
                         N))  # fmt: skip
    assert _status(there, FLOOR) == {"ok"}
    missing = fits(_errors(lambda n, m, seed: n**-0.3 * wiggle(n), N))
    assert _status(missing, FLOOR) == {"not identifiable: the interval of L_inf is not above zero"}


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, -1.0])
def test_a_run_that_diverged_is_named(bad: float, input_error: Any) -> None:
    errors = _errors(
        lambda n, m, seed: bad if (n, m, seed) == (64, SIZES[1], 1) else n**-0.3, N[:4]
    )
    with input_error("a/n64/m1/s1", "positive number"):
        fits(errors)


def test_run_table_reads_and_writes(tmp_path: Path, input_error: Any) -> None:
    errors = _errors(lambda n, m, seed: n**-0.3 * np.exp(0.01 * np.sin(n + seed)), N[:5])
    tables.write(errors, tmp_path / "errors.csv")
    table = write_table(tmp_path / "errors.csv", tmp_path / "fits.csv")
    written = tables.read(tmp_path / "fits.csv", columns=("form", "parameter", "value", "status"))
    assert len(written) == len(table)
    first = (tmp_path / "fits.csv").read_bytes()
    write_table(tmp_path / "errors.csv", tmp_path / "fits.csv")
    assert (tmp_path / "fits.csv").read_bytes() == first
    errors.drop(columns=C.N_PARAMETERS).to_csv(tmp_path / "old.csv")
    with input_error("old.csv", f"no column {C.N_PARAMETERS}"):
        write_table(tmp_path / "old.csv", tmp_path / "none.csv")
    assert not (tmp_path / "none.csv").exists()


@pytest.mark.parametrize(
    ("column", "value", "texts"),
    [
        (C.N_TRAIN, -64, ["errors.csv: row 1: n_train is -64", "whole numbers from 0"]),
        (C.N_TRAIN, 64.5, ["errors.csv: row 1: n_train is 64.5", "whole numbers from 0"]),
        (C.N_TRAIN, "64 frames", ["errors.csv: row 1: n_train is '64 frames'", "holds numbers"]),
        (C.N_TRAIN, 0, ["errors.csv: run 'a/n32/m0/s0' has n_train 0"]),
        (C.N_PARAMETERS, 0, ["n_parameters of run a/n32/m0/s0 is 0", "positive"]),
        (C.N_PARAMETERS, range(10, 18), ["row 2: n_parameters of a m0 is 11"]),
        (C.N_PARAMETERS, "many", ["n_parameters is 'many'", "holds numbers"]),
        (C.GROUP_KIND, "molecule", ["errors.csv: has no errors over all frames"]),
        (C.MODEL, None, ["errors.csv: no column model"]),
        (C.TEST_SET, None, ["errors.csv: no column test_set"]),
    ],
)
def test_tables_that_cannot_be_fitted_are_one_line(
    column: str, value: object, texts: list[str], tmp_path: Path, input_error: Any
) -> None:
    errors = _errors(lambda n, m, seed: n**-0.3, N[:4], seeds=1, sizes=1)
    path = tmp_path / "errors.csv"
    changed = errors.drop(columns=column) if value is None else errors.assign(**{column: value})
    changed.drop_duplicates([C.RUN, C.GROUP_KIND]).to_csv(path, index=False)
    with input_error(*texts):
        write_table(path, tmp_path / "fits.csv")
    assert [one.name for one in tmp_path.iterdir()] == ["errors.csv"]
