"""Interplay: what follows scale vanishes given scale, the rest stays; chance is counted."""

from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from e3d import tables
from e3d.fields import Column as C
from e3d.statistics.agreement import partial_spearman
from e3d.statistics.crossed import holm
from study.interplay import READS
from study.interplay import findings as words
from study.interplay.correlations import CENTRAL, cells, correlate, correlations
from study.interplay.runs import ALPHA, BARRIER, DECOMPOSABILITY, ERROR, SPREAD, TAU, seed_spread
from study.interplay.tables import write_tables

GRID = np.array(list(product((32, 80, 200, 512, 1280, 3200), (1e3, 1e4, 1e5, 1e6))))
NO_CONTROLS = np.zeros((8, 0))


def test_raw_is_scipys_and_partial_is_kendalls_formula() -> None:
    x, y, z = np.random.default_rng(0).normal(size=(3, 12))
    xy, xz, yz = (float(stats.spearmanr(a, b).statistic) for a, b in ((x, y), (x, z), (y, z)))
    assert partial_spearman(x, y, np.zeros((12, 0))) == (pytest.approx(xy, abs=1e-11), 0)
    expected = (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))
    assert partial_spearman(x, y, z[:, None]) == (pytest.approx(expected, abs=1e-11), 1)
    assert correlate(x, y, np.zeros((12, 0))).p == pytest.approx(
        stats.spearmanr(x, y).pvalue, abs=1e-9
    )


def test_what_follows_n_alone_is_nothing_given_scale() -> None:
    rng = np.random.default_rng(1)
    log_n = np.log(GRID[:, 0])
    x, y = (log_n + 0.3 * rng.normal(size=len(GRID)) for _ in range(2))
    raw, partial = correlate(x, y, GRID[:, :0]), correlate(x, y, GRID)
    assert raw.value > 0.8
    assert raw.lo > 0
    assert partial.lo < 0 < partial.hi, partial


def test_what_drives_beyond_scale_stays() -> None:
    rng = np.random.default_rng(2)
    own = rng.normal(size=len(GRID))
    x = np.log(GRID[:, 0]) + own
    y = np.log(GRID[:, 0]) + own + 0.2 * rng.normal(size=len(GRID))
    partial = correlate(x, y, GRID)
    assert partial.lo > 0.3, partial
    assert correlate(x, -y, GRID).hi < -0.3


@pytest.mark.parametrize("k", [0, 2])
def test_independent_cells_seldom_exclude_zero(k: int) -> None:
    """Of 300 samples of 8 independent cells (standard error 0.013): the interval at most 5 %."""
    rng, trials = np.random.default_rng(3), 300
    controls = np.array(list(product((1.0, 2, 3, 4), (1.0, 2))))[:, :k]
    found = [correlate(*rng.normal(size=(2, 8)), controls) for _ in range(trials)]
    outside = np.mean([one.lo > 0 or one.hi < 0 for one in found])
    assert outside < 0.05 + 0.026, outside


def test_p_rejects_five_percent_of_all_orders() -> None:
    """All 8! orders of independent ranks, by enumeration: the share with p < 0.05 is near 5 %."""
    ranks = np.array(list(permutations(range(8))), dtype=float)
    rho = 1 - 6 * ((ranks - np.arange(8)) ** 2).sum(axis=1) / (8 * 63)
    critical = stats.t.ppf(0.975, 6)
    critical = critical / np.sqrt(6 + critical**2)
    assert 0.04 < np.mean(np.abs(rho) > critical) < 0.06, np.mean(np.abs(rho) > critical)
    assert (
        correlate(np.arange(8.0), ranks[np.argmin(np.abs(rho - critical - 0.01))], NO_CONTROLS).p
        < 0.05
    )


def test_perfect_order_has_no_width_and_thin_grids_no_number() -> None:
    x = np.arange(8.0)
    perfect = correlate(x, x, NO_CONTROLS)
    assert perfect.value == 1
    assert np.isnan(perfect.lo)
    assert np.isnan(correlate(x[:4], x[:4] ** 2, NO_CONTROLS[:4]).value)
    assert np.isnan(correlate(x, np.ones(8), NO_CONTROLS).value)
    assert np.isnan(correlate(x[:6], x[:6], np.random.default_rng(0).normal(size=(6, 2))).value)


def test_holm() -> None:
    adjusted = holm(np.array([0.01, np.nan, 0.04, 0.03]))
    np.testing.assert_allclose(adjusted, [0.03, np.nan, 0.06, 0.06])


def _runs(models: int = 2, seeds: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    rows = []
    for n, m, seed in product((32, 80, 200, 512), range(models), range(seeds)):
        run: dict[str, Any] = {
            C.RUN: f"a/n{n}/m{m}/s{seed}",
            C.DATASET: "a",
            C.N_TRAIN: n,
            C.MODEL: f"m{m}",
        }
        run |= {
            C.SEED: seed,
            C.N_PARAMETERS: 10.0 ** (m + 3),
            **{name: rng.normal() for name in CENTRAL},
        }
        rows.append(run | {ALPHA: 0.1 * m + 0.01 * seed, BARRIER: np.nan})
    return pd.DataFrame(rows).rename(columns=str)


@pytest.mark.parametrize("seeds", [1, 2])
def test_exponents_have_a_unit_per_model_and_missing_columns_none(seeds: int) -> None:
    table = correlations(_runs(seeds=seeds)).set_index(["given", "x", "y"]).sort_index()
    assert table.loc[("nothing", ERROR, ALPHA), ["n_cells", "verdict"]].tolist() == [
        2,
        "undetermined",
    ]
    assert table.loc[("nothing", BARRIER, SPREAD), ["n_cells", "verdict"]].tolist() == [
        0,
        "undetermined",
    ]
    assert table.loc[("N and M", ERROR, TAU), "n_cells"] == 8
    assert table.xs("nothing")["n_tests"].unique().tolist() == [21]
    assert len(table) == 36 + 36 + 28
    assert ("error", ERROR, TAU) not in table.index


def test_enough_models_determine_the_exponent_and_only_m_is_controlled() -> None:
    runs = _runs(models=7)
    assert len(cells(runs, ALPHA, TAU)) == 7
    runs[DECOMPOSABILITY] = runs[C.N_PARAMETERS]
    row = correlations(runs).set_index(["given", "x", "y"]).loc[("nothing", ALPHA, DECOMPOSABILITY)]
    assert row["rho"] == 1
    given = (
        correlations(runs).set_index(["given", "x", "y"]).loc[("N and M", ALPHA, DECOMPOSABILITY)]
    )
    assert given["verdict"] == "undetermined"  # M explains all of it


def test_seed_spread() -> None:
    run = {C.DATASET: "a", C.N_TRAIN: 8, C.MODEL: "m", C.GEOMETRY: "relaxed"}
    named = pd.DataFrame(
        [
            {**run, "bond": bond, C.BOND_ENERGY: d}
            for bond, pair in (("x", (1, 3)), ("y", (5, 5)))
            for d in pair
        ]
    ).rename(columns=str)
    assert seed_spread(named)[SPREAD].tolist() == [pytest.approx(1.0)]  # variances 2 and 0
    assert np.isnan(seed_spread(named.drop_duplicates("bond"))[SPREAD].iloc[0])


def test_published_tables_give_the_same_bytes_and_sentences(
    tmp_path: Path, input_error: Any
) -> None:
    published = Path(__file__).parents[2] / "results" / "published" / "default"
    paths = [published / f"{name}.csv" for name in READS]
    for turn in "ab":
        write_tables(paths, tmp_path / turn / "runs.csv")
    for name in ("runs.csv", "correlations.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    runs = tables.read(tmp_path / "a" / "runs.csv")
    assert len(runs) == runs[C.RUN].nunique() > 0
    assert runs[[ERROR, TAU, DECOMPOSABILITY]].notna().all(axis=None)
    # seeds 1 and 2 have one size of training set
    assert runs[ALPHA].notna().equals(runs[C.SEED] < 1)
    table = tables.read(tmp_path / "a" / "correlations.csv")
    run = (runs[C.DATASET].iloc[0], "micro", 512)
    first, *_ = words.sentences({"interplay/correlations": table}, run)
    assert "decomposability and exponent undetermined, 2 cells" in first
    with input_error("reactivity/summary", "not among"):
        write_tables(paths[:-1], tmp_path / "none.csv")
