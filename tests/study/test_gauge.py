"""Gauge: rigidity and derivatives against closed forms; seeds and variants of made-up D."""

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from e3d.statistics import UNDETERMINED
from e3d.structures import Structure
from model_fixtures import Prepared
from study.gauge.ablations import ablations
from study.gauge.contrasts import contrasts
from study.gauge.gauss_newton import gauss_newton
from study.gauge.reproduction import compare
from study.gauge.seeds import seeds


def test_variance_of_a_linear_model_has_its_closed_form() -> None:
    rng = np.random.default_rng(1)
    rows, residuals = rng.normal(size=(30, 4)), rng.normal(size=30)
    found = gauss_newton([(residuals[:10], rows[:10]), (residuals[10:], rows[10:])], 4)
    g = rng.normal(size=(3, 4))
    sigma2 = 1e-6 * np.linalg.eigvalsh(rows.T @ rows)[-1]
    exact = np.mean(residuals**2) * np.diag(
        g @ np.linalg.inv(rows.T @ rows + sigma2 * np.eye(4)) @ g.T
    )
    np.testing.assert_allclose(found.variances(g, 1e-6), exact, rtol=1e-10)


def test_what_the_data_fix_does_not_depend_on_the_regulariser() -> None:
    """Two edges whose sum alone is data: it is determined, their difference (a gauge) is not."""
    rows = np.tile([1.0, 1.0], (5, 1))
    found = gauss_newton([(np.ones(5), rows)], 2)
    g = np.array([[1.0, 1.0], [1.0, -1.0]])
    tight, loose = found.variances(g, 1e-12), found.variances(g, 1e-6)
    assert tight[0] == pytest.approx(loose[0], rel=1e-5)
    assert tight[1] == pytest.approx(1e6 * loose[1], rel=1e-3)
    np.testing.assert_allclose(found.null_share(g), [0.0, 1.0], atol=1e-12)


def test_derivatives_by_weights_agree_with_finite_differences(
    build_model: Callable[..., Any], molecules: dict[str, Structure]
) -> None:
    from study.gauge.derivatives import Differentiable

    model = Differentiable(build_model())
    model.differentiate_forces()
    structure = next(
        s
        for s in molecules.values()
        if s.smiles == "[H]O[H]" or (len(s.atomic_numbers) == 3 and model.knows(s))
    )
    bonds = [(0, 1)]
    weight, step = model._weights[0], 1e-5
    column = int(np.abs(model.bond_rows(structure, bonds)[1][0, : weight.numel()]).argmax())
    for rows in (lambda: model.labelled_rows(structure), lambda: model.bond_rows(structure, bonds)):
        exact = rows()[1][:, column]
        ends = []
        for sign in (1, -1):
            weight.data.view(-1)[column] += sign * step
            ends.append(rows()[0])
            weight.data.view(-1)[column] -= sign * step
        np.testing.assert_allclose((ends[0] - ends[1]) / (2 * step), exact, rtol=1e-5, atol=1e-7)


CELL = {"dataset": "a", "n_train": 8}
MAES = {"energy_mae_meV_per_atom": 1.0, "force_mae_meV_per_ang": 1.0}
ERRORS = pd.DataFrame([{**CELL, "model": "x", "seed": 0, "group_kind": "all", **MAES}])
SUMMARY = pd.DataFrame(columns=[*CELL, "model", "seed", "structures", "bonded_share"])


def _row(model: str, seed: int, bond: str, energy: float, **others: Any) -> dict[str, Any]:
    """A named bond of one run; unless given, a C-C in a molecule of its own."""
    about = {"bond": bond, "molecule": bond, "bond_type": "C-C", "bond_energy_eV": energy}
    reference = {"bde298_eV": np.nan, "bde298_error_eV": 0.1}
    return {**CELL, "model": model, "seed": seed, **about, **reference, **others}


def _named(models: dict[str, float], n_seeds: int) -> pd.DataFrame:
    """Eight bonds of two types and four molecules, with a shift by model and a spread by seed."""
    rows = []
    for (model, shift), seed, k in product(models.items(), range(n_seeds), range(8)):
        energy = (3.0 if k < 4 else 6.0) + shift * (-1) ** k + 0.1 * seed * (-1) ** (k // 2)
        kind = "C-C" if k < 4 else "C=C"
        rows.append(_row(model, seed, f"b{k}", energy, molecule=f"m{k % 4}", bond_type=kind))
    return pd.DataFrame(rows)


def test_spread_of_seeds_is_that_put_in_and_two_seeds_conclude_nothing() -> None:
    found = seeds(_named({"micro": 0.0}, 3), ERRORS)
    total = found[(found["quantity"] == "D") & (found["bond_type"] == "all")].iloc[0]
    assert total["sd_eV"] == pytest.approx(0.1)
    assert total["verdict"] == "measured"
    assert set(seeds(_named({"micro": 0.0}, 2), ERRORS)["verdict"]) == {UNDETERMINED}
    assert seeds(_named({"micro": 0.0}, 1), ERRORS).empty


def test_a_variant_that_moves_d_is_distinguished_from_one_that_does_not() -> None:
    named = _named({"micro": 0.0, "micro+far": 1.0, "micro+same": 0.0}, 3)
    table = ablations(named, ERRORS, SUMMARY)
    raw = table[~table["offset_removed"].astype(bool)].set_index("variant")
    assert raw.loc["far", "verdict"] == "moves D more than seeds do"
    assert raw.loc["far", "rms_change_eV"] == pytest.approx(1.0)
    assert raw.loc["same", "verdict"] != raw.loc["far", "verdict"]
    assert ablations(_named({"micro": 0.0}, 3), ERRORS, SUMMARY).empty


def test_the_change_of_the_bonded_share_is_that_at_the_same_seeds() -> None:
    share = {("micro", 0): 0.5, ("micro", 1): 0.7, ("micro", 2): 0.9, ("micro+far", 1): 0.8}
    about = {**CELL, "structures": "test-conformations"}
    summary = pd.DataFrame(
        [
            {**about, "model": model, "seed": seed, "bonded_share": value}
            for (model, seed), value in share.items()
        ]
    )
    named = _named({"micro": 0.0, "micro+far": 1.0}, 3)
    named = named[(named["model"] == "micro") | (named["seed"] == 1)]
    row = ablations(named, ERRORS, summary).iloc[0]
    assert row["n_seeds"] == 1
    assert (row["bonded_share_change"], row["bonded_share_seed_sd"]) == pytest.approx((0.1, 0.2))
    assert row["verdict"] == UNDETERMINED


def test_two_seeds_of_a_variant_give_no_verdict_and_more_of_its_base_do_not_count() -> None:
    named = _named({"micro": 0.0, "micro+far": 1.0}, 5)
    few = named[(named["model"] == "micro") | (named["seed"] < 2)]
    row = ablations(few, ERRORS, SUMMARY).iloc[0]
    assert (row["n_seeds"], row["verdict"]) == (2, UNDETERMINED)
    # SD over the two seeds that both have, not over the five of the base: 0.1 / sqrt(2) times that
    assert row["seed_rms_eV"] == pytest.approx(0.1)
    three = named[(named["model"] == "micro") | (named["seed"] < 3)]
    assert ablations(three, ERRORS, SUMMARY)["verdict"].iloc[0] == "moves D more than seeds do"


def test_contrasts_need_seeds_and_variants() -> None:
    assert set(contrasts(_named({"micro": 0.0, "micro+far": 1.0}, 3))["determined"]) == {"yes"}
    assert set(contrasts(_named({"micro": 0.0}, 3))["determined"]) == {UNDETERMINED}


def _moved(rng: np.random.Generator, shift: float, *, together: bool) -> pd.DataFrame:
    """Three seeds, 40 bonds of 20 molecules: each D is noise, or one number for all bonds."""
    rows = []
    for model in ("micro", "micro+v"):
        d = rng.normal(size=(3, 1 if together else 40)) + np.zeros((3, 40))
        d += shift if "+" in model else 0.0
        rows += [
            _row(model, seed, f"b{k}", d[seed, k], molecule=f"m{k // 2}", bde298_error_eV=0.0)
            for seed, k in product(range(3), range(40))
        ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("together", [True, False])
def test_a_variant_that_is_another_seed_is_rarely_said_to_move_d(together: bool) -> None:
    """Also where all bonds move together: over molecules alone half of such variants would be."""
    rng = np.random.default_rng(3)

    def verdict(shift: float) -> str:
        named = _moved(rng, shift, together=together)
        return str(ablations(named, ERRORS, SUMMARY)["verdict"].iloc[0])

    said = [verdict(0.0) for _ in range(40)]
    assert sum(word != UNDETERMINED for word in said) <= 6  # at 5 %: more in 1 of 1000 samples
    assert verdict(30.0) == "moves D more than seeds do"


def _contrast(gaps: list[float]) -> str:
    rows = [
        _row(model, seed, kind, 3.0 + gap * (kind == "C=C"), bond_type=kind, bde298_eV=1.0)
        for model in ("micro", "micro+v")
        for seed, gap in enumerate(gaps)
        for kind in ("C-C", "C=C")
    ]
    return str(contrasts(pd.DataFrame(rows))["determined"].iloc[0])


def test_a_contrast_is_determined_only_if_another_seed_would_have_its_sign() -> None:
    assert _contrast([1.0, 1.1, 0.9]) == "yes"
    assert _contrast([1.0, 1.4, 0.6]) == UNDETERMINED  # t for 3 seeds is 4.3
    assert _contrast([1.0, 1.4, -0.1]) == "no"


@pytest.mark.parametrize(
    ("n_seeds", "factor", "verdict"), [(40, 1.0, "yes"), (40, 5.0, "no"), (3, 1.0, UNDETERMINED)]
)
def test_a_prediction_reproduces_the_seeds_only_where_its_interval_says_so(
    n_seeds: int, factor: float, verdict: str
) -> None:
    rng = np.random.default_rng(4)
    true = np.exp(rng.normal(size=40) / 2)
    rows = [
        _row("micro", seed, f"b{k}", true[k] * rng.normal(), molecule=f"m{k // 2}")
        for seed in range(n_seeds)
        for k in range(40)
    ]
    about = {**CELL, "model": "micro", "sigma2_relative": 1e-8, "kind": "bond"}
    predicted = pd.DataFrame(
        [{**about, "bond": f"b{k}", "sd_eV": factor * sd} for k, sd in enumerate(true)]
    )
    both = pd.concat([predicted.assign(seed=0), predicted.assign(seed=1)])
    found = compare(both, pd.DataFrame(rows)).iloc[0]
    assert found["reproduces"] == verdict
    ratio, low, high = (found[f"predicted_over_seed_sd{end}"] for end in ("", "_lo", "_hi"))
    assert low < ratio < high


def test_a_difference_goes_with_the_molecule_of_either_bond() -> None:
    """Three bonds of one type in three molecules, one of which varies: the jackknife of pairs."""
    values = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [-1.0, 0.0, 1.0]])
    rows = [
        _row("micro", seed, f"b{k}", values[k, seed]) for k, seed in product(range(3), range(3))
    ]
    table = seeds(pd.DataFrame(rows), ERRORS).set_index(["quantity", "bond_type"])
    found = table.loc[("contrast in type", "all")]
    replicates = np.sqrt([1.0, 1.0, 0.0])  # the pair left without m0, m1, m2
    se = np.sqrt(2 / 3 * ((replicates - replicates.mean()) ** 2).sum())
    assert found["sd_eV"] == pytest.approx(np.sqrt(2 / 3))
    assert found["sd_eV_hi"] - found["sd_eV"] == pytest.approx(4.302652729911275 * se)


def test_the_data_of_a_trained_model_fix_energies_better_than_d(
    trained: Path, prepared: Prepared
) -> None:
    from e3d.models import load_model
    from e3d.store.reader import StoreReader
    from e3d.structures import from_store
    from study.gauge.derivatives import Differentiable, scaled_rows

    model = Differentiable(load_model(trained / "model.ckpt"))
    model.differentiate_forces()
    frames = pd.read_csv(prepared.subset)["frame"].to_numpy()
    with StoreReader(prepared.store) as reader:
        structures = list(from_store(reader, frames))
    structure = min(structures, key=lambda s: len(s.atomic_numbers))
    bonds = [(bond.i, bond.j) for bond in structure.bonds or ()]
    step = 1e-5
    for weight, first in zip(
        model._weights, np.cumsum([0, *(w.numel() for w in model._weights)]), strict=False
    ):
        for rows in (
            lambda: model.labelled_rows(structure),
            lambda: model.bond_rows(structure, bonds),
        ):
            exact = rows()[1][:, first]
            ends = []
            for sign in (1, -1):
                weight.data.view(-1)[0] += sign * step
                ends.append(rows()[0])
                weight.data.view(-1)[0] -= sign * step
            # rounding of some 10^3 eV over the step, and the third derivative times step^2
            np.testing.assert_allclose(
                (ends[0] - ends[1]) / (2 * step), exact, rtol=1e-5, atol=1e-6
            )
    found = gauss_newton(scaled_rows(model, structures, 1.0, 1.0), model.n_parameters)
    energies, d = [], []
    for one in structures:
        g = model.bond_rows(one, [(bond.i, bond.j) for bond in one.bonds or ()])[1]
        energies.append(g[-1])
        d.extend(g[:-2][np.isfinite(g[:-2]).all(axis=1)])
    for relative in (1e-12, 1e-8):
        of_energies, of_d = (
            np.median(found.variances(np.array(g), relative)) for g in (energies, d)
        )
        assert of_energies < of_d / 4
    assert np.median(found.null_share(np.array(energies))) < np.median(
        found.null_share(np.array(d))
    )


def test_a_run_whose_molecules_are_not_named_has_no_quantities() -> None:
    from study.gauge.rigidity import combined, rigidity_table

    rows, g = combined([], np.empty((0, 5)))
    found = rigidity_table(gauss_newton([(np.ones(6), np.eye(6, 5))], 5), rows, g, 2)
    assert found.empty
    assert {"bond", "sd_eV", "null_share", "effective_rank"} <= set(found)


def test_two_bonds_of_one_type_are_set_in_the_order_of_the_reference() -> None:
    reference = {"strong": 5.0, "weak": 4.0, "other weak": 4.0, "unknown": np.nan}
    rows = []
    for model, seed, (bond, bde) in product(("micro", "micro+v"), range(3), reference.items()):
        energy = 4.0 + 0.01 * seed * (bond == "weak") - 0.5 * (bond == "strong")
        rows.append(_row(model, seed, bond, energy, bde298_eV=bde))
    found = contrasts(pd.DataFrame(rows)).set_index(["lower", "higher"])
    # those with equal or unknown references have no order
    assert set(found.index) == {("weak", "strong"), ("other weak", "strong")}
    assert found.loc[("weak", "strong"), "mean_eV"] == pytest.approx(-0.51)
    assert set(found["determined"]) == {"yes"}


def test_the_squares_of_scaled_residuals_are_the_training_loss(
    build_model: Callable[..., Any], molecules: dict[str, Structure]
) -> None:
    """Mean squares, as in nequip: of energies per atom, and of all components of forces."""
    from dataclasses import replace

    from study.gauge.derivatives import Differentiable, scaled_rows

    model, rng = Differentiable(build_model()), np.random.default_rng(0)
    model.differentiate_forces()
    frames = [s for s in molecules.values() if model.knows(s) and len(s.atomic_numbers) < 6][:3]
    labelled, energies, forces = [], [], []
    for one in frames:
        values, n = model.labelled_rows(one)[0], len(one.atomic_numbers)
        off, pull = rng.normal(), rng.normal(size=(n, 3))
        labelled.append(
            replace(one, energy=float(values[0] + off), forces=values[1:].reshape(-1, 3) + pull)
        )
        energies.append((off / n) ** 2)
        forces.extend((pull**2).reshape(-1))
    residuals = np.concatenate([r for r, _ in scaled_rows(model, labelled, 4.0, 0.7)])
    loss = 4.0 * np.mean(energies) + 0.7 * np.mean(forces)
    assert residuals @ residuals / len(labelled) == pytest.approx(loss, rel=1e-9)
