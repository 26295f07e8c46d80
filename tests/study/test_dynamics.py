"""Molecular dynamics: frequencies, temperatures, announced breaks, explosions, bytes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ase import Atoms, units

from dynamics_fixtures import RUN, PairModel, announced, molecule, settings
from e3d.chemistry import Bond
from e3d.named_bonds import MOLECULES_FILE
from e3d.structures import Structure, from_file
from study.dynamics import breaking, command
from study.dynamics.breaking import breaking_table, replica_scores
from study.dynamics.command import chosen
from study.dynamics.fields import ALL
from study.dynamics.fluctuations import C_CM_PER_FS, correlation_time, spectrum
from study.dynamics.series import Outcome, Series, bond_classes
from study.dynamics.settings import read_settings
from study.dynamics.simulation import HOLE_EV, simulate
from study.dynamics.tables import bond_tables, trajectory_table

ROOT = Path(__file__).parents[2]
NAMED = MOLECULES_FILE
HYDROGEN = "[H:1][H:2]"


@pytest.fixture
def dimer() -> Structure:
    return molecule([1, 1], [[0, 0, 0], [0.75, 0, 0]], HYDROGEN, [Bond(0, 1, "H-H", "H-H")])


# --- dynamics with a known answer


def test_a_harmonic_dimer_has_its_temperature_and_its_frequency(dimer: Structure) -> None:
    depth, width = 4.5, 1.9
    runs = simulate(PairModel(depth, width, harmonic=True), [dimer], settings())
    reduced = Atoms("H").get_masses()[0] / 2
    omega = np.sqrt(2 * depth * width**2 / reduced)  # of ASE's time unit
    expected = omega * units.fs / (2 * np.pi) / C_CM_PER_FS
    first = 100
    for one in runs:
        lengths = [row[first:] for row in one.r[:, :, 0]]
        found = spectrum([(r, r) for r in lengths], one.sample_fs)
        assert found is not None
        step = found.frequency_cm[1]
        peak = found.frequency_cm[found.r.argmax()]
        assert abs(peak - expected) <= step, (
            f"{peak:.0f} cm^-1 is more than a bin ({step:.0f}) from {expected:.0f}"
        )
        # equipartition: var(r) = kT/k; kinetic energy 6/2 kT. 5 sigma of 12 replicas
        variance = np.array([np.var(r) for r in lengths]) * 2 * depth * width**2 / units.kB
        for name, values in (("potential", variance), ("kinetic", one.kinetic_K)):
            error = values.std(ddof=1) / np.sqrt(len(values))
            assert abs(values.mean() - one.temperature_K) < 5 * error, (
                f"{name}: {values.mean():.0f} +- {error:.0f} K"
            )
        assert set(one.outcome) == {Outcome.INTACT}


def test_replicas_do_not_see_each_other(dimer: Structure) -> None:
    runs = simulate(PairModel(4.5, 1.9), [dimer, dimer], settings(steps=40))
    assert len(runs) == 4
    starts = np.concatenate([one.r[:, 5, 0] for one in runs])
    assert len(np.unique(starts)) == len(starts), "two replicas share their noise"
    assert np.ptp(np.concatenate([one.r[:, 0, 0] for one in runs])) == 0


def test_d_of_a_morse_dimer_is_its_pair_energy(dimer: Structure) -> None:
    model = PairModel(4.5, 1.9)
    (one, _) = simulate(model, [dimer], settings(steps=200))
    assert one.bond_energy == pytest.approx(
        -model.well(one.r, np.full_like(one.r, 0.75))[0], abs=1e-12
    )
    table, lines = bond_tables([one], 5)
    assert table["correlation"].iloc[0] < 0
    assert lines.empty, "too short for a window"


def test_a_weak_bond_breaks_and_is_not_an_explosion(dimer: Structure) -> None:
    (cold, hot) = simulate(
        PairModel(0.3, 1.9), [dimer], settings(temperatures_K=(50, 3000), steps=400)
    )
    assert set(cold.outcome) == {Outcome.INTACT}
    assert (hot.outcome == Outcome.BROKEN).sum() >= 10
    for replica in np.flatnonzero(hot.outcome == Outcome.BROKEN):
        stop = hot.stopped[replica]
        assert hot.r[replica, stop, 0] > 1.5 * hot.reach[0] >= hot.r[replica, stop - 1, 0]
        assert np.isnan(hot.r[replica, stop + 1 :]).all()
    lone = trajectory_table([cold, hot])
    assert lone["breaks"].all()
    assert lone["time_to_break_fs"].max() == 0
    assert trajectory_table([cold]).empty


@pytest.mark.parametrize("wall", [2 * HOLE_EV, np.nan])
def test_a_hole_or_an_energy_that_is_no_number_is_an_explosion(
    dimer: Structure, wall: float
) -> None:
    runs = simulate(
        PairModel(4.5, 1.9, wall=wall), [dimer], settings(temperatures_K=(300, 3000), steps=400)
    )
    hot = runs[1]
    assert set(hot.outcome) == {Outcome.EXPLODED}
    assert (hot.broken == -1).all()
    table = bond_tables(runs, 5)[0].set_index("temperature_K")
    assert table.loc[3000, "n_exploded"] == 12
    assert table.loc[3000, "n_broken"] == 0
    assert replica_scores(runs, 5).empty


def test_atoms_that_fall_into_each_other_are_an_explosion(dimer: Structure) -> None:
    runs = simulate(
        PairModel(-4.5, 1.9, harmonic=True), [dimer], settings(steps=400)
    )  # a hill instead of a well
    assert Outcome.EXPLODED in set(runs[0].outcome)
    assert Outcome.INTACT not in set(runs[0].outcome)


# --- time series with a known answer


def test_correlation_time_of_a_decay_and_of_a_damped_oscillation() -> None:
    rng = np.random.default_rng(0)
    tau, step, n = 20.0, 2.0, 4000
    decay = np.exp(-step / tau)
    segments, turning = [], []
    for _ in range(20):
        noise = rng.normal(size=n) + 1j * rng.normal(size=n)
        x = np.empty(n, dtype=complex)
        x[0] = noise[0] / np.sqrt(1 - decay**2)
        for k in range(1, n):
            x[k] = decay * np.exp(0.9j) * x[k - 1] + noise[k]
        turning.append(x.real)
        segments.append((x * np.exp(-0.9j * np.arange(n))).real)
    # trapezoidal sums of rho^2 = q^k, and of q^k cos^2(0.9 k)
    q = decay**2
    slow = step * (1 + 2 * q / (1 - q))
    fast = step * (1 + q / (1 - q) + (q * np.exp(1.8j) / (1 - q * np.exp(1.8j))).real)
    assert correlation_time(segments, step) == pytest.approx(
        slow, rel=0.08
    )  # e^-10 cut off, 10^4 correlation times
    assert correlation_time(turning, step) == pytest.approx(fast, rel=0.08)
    assert np.isnan(correlation_time([np.ones(10)], step))
    assert np.isnan(correlation_time([np.empty(0), np.ones(1)], step))


def test_spectrum_finds_a_line_its_power_and_what_is_common() -> None:
    rng = np.random.default_rng(1)
    t = 2.0 * np.arange(4096)
    line = np.sin(2 * np.pi * 3000 * C_CM_PER_FS * t)
    r, d = line + 0.1 * rng.normal(size=len(t)), -2 * line + 0.1 * rng.normal(size=len(t))
    found = spectrum([(r, d)], 2.0)
    assert found is not None
    at = int(found.r.argmax())
    assert abs(found.frequency_cm[at] - 3000) <= found.frequency_cm[1]
    assert found.r.sum() * found.frequency_cm[1] == pytest.approx(np.var(r), rel=0.03)
    assert found.bond_energy[at] / found.r[at] == pytest.approx(4, rel=0.05)
    assert found.coherence[at] > 0.99
    assert np.median(found.coherence) < 0.1  # noise: 1 over the number of windows, 63
    assert spectrum([(r[:127], d[:127])], 2.0) is None
    alone = spectrum([(r[:128], d[:128])], 2.0)
    assert alone is not None
    assert np.isnan(alone.coherence).all(), "of one window it is 1 whatever the data"


def test_equivalent_bonds_are_one_class() -> None:
    ethanol = {s.smiles: s for s in from_file(NAMED)}["CCO"]
    assert ethanol.bonds is not None
    classes = bond_classes(str(ethanol.mapped_smiles), ethanol.bonds)
    sizes = sorted(np.bincount(classes).tolist())
    assert sizes == [1, 1, 1, 2, 3]  # C-C, C-O, O-H, CH2, CH3


# --- which bond breaks first


def scored(by: str, **options: Any) -> pd.DataFrame:
    table = breaking_table(replica_scores(announced(by, **options), 5))
    return table[(table["molecule"] == ALL) & (table["window_fs"] == 0)].set_index(
        ["predictor", "lead_fs"]
    )


def test_a_break_that_d_announces_and_length_does_not() -> None:
    table = scored("D")
    for lead in breaking.LEADS_FS:
        for name in ("D", "D_z"):
            row = table.loc[(name, lead)]
            assert row["n_replicas"] == 240
            assert (
                min(row["percentile"], row["within_class"]) > 0.95
            )  # 3 sd below: 98 % of the others are above
            assert row["top1"] > 0.85
            assert row["top1_minus_length_lo"] > 0.5
            assert (row["beats_chance"], row["beats_length"]) == ("yes", "yes")
        assert table.loc[("r_rel", lead), "beats_chance"] != "yes"
        assert table.loc[("D_mean", lead), "beats_chance"] != "yes", (
            "a mean cannot tell which of five alike breaks"
        )


def test_a_break_that_length_announces_and_d_does_not() -> None:
    table = scored("r")
    assert table.loc[("r_rel", 20.0), "top1"] > 0.85
    assert table.loc[("D", 20.0), "percentile_minus_length"] == pytest.approx(-0.5, abs=0.1)
    assert table.loc[("D", 20.0), "beats_length"] == "no"


def test_without_a_sign_all_are_at_chance_within_their_intervals() -> None:
    inside = []
    for seed in range(5):
        row = scored("neither", seed=seed, replicas=12).loc[("D", 20.0)]
        inside += [
            row["percentile_lo"] < 0.5 < row["percentile_hi"],
            row["top1_lo"] < 0.2 < row["top1_hi"],
        ]
        assert row["chance_top1"] == pytest.approx(0.2)
    assert np.mean(inside) >= 0.8, "95 % intervals: none of 10 expected outside"


def test_too_little_is_undetermined() -> None:
    row = scored("D", molecules=1).loc[("D", 20.0)]
    assert row["percentile"] > 0.9
    assert np.isnan(row["percentile_lo"])
    assert (row["beats_chance"], row["beats_length"]) == ("undetermined", "undetermined")
    assert breaking_table(replica_scores([], 1)).empty


def test_agreement_without_spread_is_not_certainty() -> None:
    series = announced("D", replicas=1, molecules=3)
    for one in series:
        one.bond_energy[:] = np.where(np.arange(5) == np.maximum(one.broken, 0), 1.0, 4.0)
        one.bond_energy[:] += 0.01 * one.r
    table = breaking_table(replica_scores(series, 5)).set_index(
        ["molecule", "predictor", "lead_fs", "window_fs"]
    )
    row = table.loc[("all", "D", 20.0, 0.0)]
    assert row["percentile"] == row["percentile_lo"] == 1
    assert row["beats_chance"] == "undetermined"


def test_agreement_is_not_certainty_by_rounding_either() -> None:
    """2 of 3 bonds ranked stronger in every replica: means without a molecule differ by 1e-16."""
    columns = {
        "molecule": np.repeat(list("abc"), (3, 5, 7)),
        "replica": [str(k) for k in range(15)],
    }
    key = {"lead_fs": 20.0, "window_fs": 0.0, "predictor": "D_mean", "n_bonds": 4}
    rows = pd.DataFrame(columns).assign(**key, top1=0.0, percentile=2 / 3, within_class=np.nan)
    table = breaking_table(pd.concat([rows, rows.assign(predictor="r_rel", percentile=1 / 3)]))
    row = table[(table["molecule"] == "all") & (table["predictor"] == "D_mean")].iloc[0]
    assert row["percentile_hi"] == pytest.approx(row["percentile_lo"], abs=1e-14)
    assert (row["beats_chance"], row["beats_length"]) == ("undetermined", "undetermined")


def test_ties_share_the_first_place() -> None:
    weak, classes = np.array([1.0, 1.0, 1.0, 2.0]), np.array([0, 0, 0, 1])
    assert breaking.scores(weak, 0, classes) == (pytest.approx(1 / 3), pytest.approx(2 / 3), 0.5)
    assert breaking.scores(weak, 3, classes)[:2] == (0, 0)
    assert np.isnan(breaking.scores(weak, 3, classes)[2])
    assert np.isnan(breaking.scores(np.array([np.nan, 1.0]), 0, np.zeros(2, dtype=int))).all()


def test_windows_must_be_full_and_after_the_start() -> None:
    (cold, hot) = announced("D", molecules=1, replicas=1)
    early = Series(**{**vars(hot), "stopped": np.array([11])})  # 22 fs
    found = replica_scores([cold, early], 5)
    assert set(found["lead_fs"]) == {10.0, 20.0}
    assert set(found["window_fs"]) == {0.0}


# --- files


VALUES: dict[str, Any] = {
    "molecules": ["[H][H]", "N"],
    "temperatures_K": [300, 3000],
    "replicas": [2, 4],
    "time_step_fs": 0.5,
    "steps": 200,
    "sample_every": 4,
    "friction_fs": 100,
    "equilibration_fs": 20,
    "seed": 3,
}


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "load_model", lambda path, device: PairModel(2.0, 1.9))
    given: dict[str, Any] = {"model": NAMED, "molecules": NAMED, "run": RUN, "device": "cpu"}
    texts = []
    for folder, seed in (("a", 3), ("b", 3), ("c", 4)):
        output = tmp_path / folder / "s0.csv"
        command.write_tables(**given, settings=VALUES | {"seed": seed}, output=output)
        paths = sorted(output.parent.glob("*.csv"))
        assert [p.name for p in paths] == [
            f"s0.{n}csv" for n in ("breaking.", "", "spectrum.", "trajectory.")
        ]
        texts.append([p.read_bytes() for p in paths])
        assert json.loads((output.parent / "s0.csv.provenance.json").read_text())
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]
    table = pd.read_csv(tmp_path / "a" / "s0.csv")
    assert list(table.columns[:5]) == list(RUN)
    assert set(table["extrapolation"]) == {False, True}


def test_molecules_with_unknown_elements_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    model = PairModel(2.0, 1.9)
    with caplog.at_level("WARNING"):
        assert [s.smiles for s in chosen(model, NAMED, ["[H][H]", "OO"])] == ["[H][H]"]
    assert "OO left out" in caplog.text


def test_mistakes_are_one_line(input_error: Any) -> None:
    with input_error("CCCCCCCCC", "named_bonds.xyz"):
        chosen(PairModel(2.0, 1.9), NAMED, ["CCCCCCCCC"])
    with input_error("temperatures_K"):
        read_settings(VALUES | {"temperatures_K": [300]})
    with input_error("replicas has 3", "one number"):
        read_settings(VALUES | {"replicas": [1, 2, 3]})


def test_a_trained_model_runs(model: Any, molecules: dict[str, Structure]) -> None:
    wanted = settings(temperatures_K=(300, 1000), replicas=(2, 2), steps=8)
    runs = simulate(model, [molecules["CO"], molecules["OO"]], wanted)
    assert [len(one.bonds) for one in runs] == [5, 5, 3, 3]
    edges = model.edge_energies([molecules["CO"]])
    pair = {(0, 1), (1, 0)}
    d = -sum(
        eps
        for i, j, eps in zip(edges.centre, edges.neighbour, edges.eps, strict=True)
        if (int(i), int(j)) in pair
    )
    assert runs[0].bond_energy[0, 0, 0] == pytest.approx(d, abs=1e-10)
