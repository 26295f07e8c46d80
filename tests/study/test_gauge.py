"""Gauge: rigidity against closed forms, derivatives against finite differences, seeds and variants of made-up D."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from e3d.statistics import UNDETERMINED
from e3d.structures import Structure
from model_fixtures import Prepared
from study.gauge.contrasts import contrasts
from study.gauge.rigidity import gauss_newton
from study.gauge.seeds import ablations, compare, seeds


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


def test_what_the_data_fix_does_not_depend_on_the_regulariser_and_what_they_leave_open_does() -> (
    None
):
    """Two edges whose sum alone is data: the sum is determined, their difference (a gauge) is not."""
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


def _named(models: dict[str, float], n_seeds: int) -> pd.DataFrame:
    rows = [
        {"dataset": "a", "n_train": 8, "model": model, "seed": seed, "bond": f"b{bond}", "molecule": f"m{bond % 4}",
         "bond_type": "C-C" if bond < 4 else "C=C", "bde298_error_eV": 0.1, "bde298_eV": np.nan,
         "bond_energy_eV": (3.0 if bond < 4 else 6.0) + shift * (-1) ** bond + 0.1 * seed * (-1) ** (bond // 2)}
        for model, shift in models.items() for seed in range(n_seeds) for bond in range(8)
    ]  # fmt: skip
    return pd.DataFrame(rows)


ERRORS = pd.DataFrame(
    {"dataset": ["a"], "n_train": 8, "model": "x", "seed": 0, "group_kind": "all", "energy_mae_meV_per_atom": 1.0,
     "force_mae_meV_per_ang": 1.0}
)  # fmt: skip


def test_spread_of_seeds_is_that_put_in_and_two_seeds_conclude_nothing() -> None:
    found = seeds(_named({"micro": 0.0}, 3), ERRORS)
    total = found[(found["quantity"] == "D") & (found["bond_type"] == "all")].iloc[0]
    assert total["sd_eV"] == pytest.approx(0.1)
    assert total["verdict"] == "measured"
    assert set(seeds(_named({"micro": 0.0}, 2), ERRORS)["verdict"]) == {UNDETERMINED}
    assert seeds(_named({"micro": 0.0}, 1), ERRORS).empty


def test_a_variant_that_moves_d_is_told_from_one_that_does_not() -> None:
    table = ablations(_named({"micro": 0.0, "micro+far": 1.0, "micro+same": 0.0}, 3), ERRORS)
    raw = table[~table["offset_removed"].astype(bool)].set_index("variant")
    assert raw.loc["far", "verdict"] == "moves D more than seeds do"
    assert raw.loc["far", "rms_change_eV"] == pytest.approx(1.0)
    assert raw.loc["same", "verdict"] != raw.loc["far", "verdict"]
    assert ablations(_named({"micro": 0.0}, 3), ERRORS).empty


def test_the_change_of_the_bonded_share_is_that_at_the_same_seeds() -> None:
    share = {("micro", 0): 0.5, ("micro", 1): 0.7, ("micro", 2): 0.9, ("micro+far", 1): 0.8}
    summary = pd.DataFrame(
        [{"dataset": "a", "n_train": 8, "model": model, "seed": seed, "structures": "test-conformations",
          "bonded_share": value} for (model, seed), value in share.items()]
    )  # fmt: skip
    named = _named({"micro": 0.0, "micro+far": 1.0}, 3)
    row = ablations(
        named[(named["model"] == "micro") | (named["seed"] == 1)], ERRORS, summary
    ).iloc[0]
    assert row["n_seeds"] == 1
    assert (row["bonded_share_change"], row["bonded_share_seed_sd"]) == pytest.approx((0.1, 0.2))
    assert row["verdict"] == UNDETERMINED


def test_contrasts_need_seeds_and_variants() -> None:
    assert set(contrasts(_named({"micro": 0.0, "micro+far": 1.0}, 3))["determined"]) == {"yes"}
    assert set(contrasts(_named({"micro": 0.0}, 3))["determined"]) == {UNDETERMINED}


def _moved(rng: np.random.Generator, shift: float, *, together: bool) -> pd.DataFrame:
    """Three seeds of base and variant, 40 bonds of 20 molecules: each D is noise, or one number for all bonds."""
    parts = []
    for model in ("micro", "micro+v"):
        d = (
            rng.normal(size=(3, 1 if together else 40))
            + np.zeros((3, 40))
            + (shift if "+" in model else 0.0)
        )
        for seed in range(3):
            parts.append(pd.DataFrame(
                {"dataset": "a", "n_train": 8, "model": model, "seed": seed, "bond": [f"b{k}" for k in range(40)],
                 "molecule": [f"m{k // 2}" for k in range(40)], "bond_type": "C-C", "bde298_error_eV": 0.0,
                 "bond_energy_eV": d[seed]}
            ))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("together", [True, False])
def test_a_variant_that_is_another_seed_is_rarely_called_more_also_where_all_bonds_move_together(
    together: bool,
) -> None:
    """Bonds that move together say nothing of seeds: by molecules alone half of such variants would be called so."""
    rng = np.random.default_rng(3)
    called = [
        ablations(_moved(rng, 0.0, together=together), ERRORS)["verdict"].iloc[0] for _ in range(40)
    ]
    assert (
        sum(word != UNDETERMINED for word in called) <= 6
    )  # of 40 at 5 %: more once in a thousand times
    assert (
        ablations(_moved(rng, 30.0, together=together), ERRORS)["verdict"].iloc[0]
        == "moves D more than seeds do"
    )


def _contrast(gaps: list[float]) -> str:
    rows = [
        {"dataset": "a", "n_train": 8, "model": model, "seed": seed, "bond": kind, "molecule": kind, "bond_type": kind,
         "bde298_eV": 1.0, "bond_energy_eV": 3.0 + gap * (kind == "C=C")}
        for model in ("micro", "micro+v") for seed, gap in enumerate(gaps) for kind in ("C-C", "C=C")
    ]  # fmt: skip
    return str(contrasts(pd.DataFrame(rows))["determined"].iloc[0])


def test_a_contrast_is_determined_only_if_another_seed_would_have_its_sign() -> None:
    assert _contrast([1.0, 1.1, 0.9]) == "yes"
    assert (
        _contrast([1.0, 1.4, 0.6]) == UNDETERMINED
    )  # 0.4 of SD is below half of 1, but t for 3 seeds is 4.3
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
        {"dataset": "a", "n_train": 8, "model": "micro", "seed": seed, "bond": f"b{k}", "molecule": f"m{k // 2}",
         "bond_type": "C-C", "bond_energy_eV": true[k] * rng.normal()}
        for seed in range(n_seeds) for k in range(40)
    ]  # fmt: skip
    predicted = pd.DataFrame(
        {"dataset": "a", "n_train": 8, "model": "micro", "sigma2_relative": 1e-8, "kind": "bond",
         "bond": [f"b{k}" for k in range(40)], "sd_eV": factor * true}
    )  # fmt: skip
    found = compare(
        pd.concat([predicted.assign(seed=0), predicted.assign(seed=1)]), pd.DataFrame(rows)
    ).iloc[0]
    assert found["reproduces"] == verdict
    assert (
        found["predicted_over_seed_sd_lo"]
        < found["predicted_over_seed_sd"]
        < found["predicted_over_seed_sd_hi"]
    )


def test_a_difference_goes_with_the_molecule_of_either_bond() -> None:
    """Three bonds of one type in three molecules, one of which alone varies: the jackknife is that of the pairs."""
    values = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [-1.0, 0.0, 1.0]])
    rows = [
        {"dataset": "a", "n_train": 8, "model": "micro", "seed": seed, "bond": f"b{k}", "molecule": f"m{k}",
         "bond_type": "C-C", "bond_energy_eV": values[k, seed]}
        for k in range(3) for seed in range(3)
    ]  # fmt: skip
    found = (
        seeds(pd.DataFrame(rows), ERRORS)
        .set_index(["quantity", "bond_type"])
        .loc[("contrast in type", "all")]
    )
    replicates = np.sqrt([1.0, 1.0, 0.0])  # the pair left without m0, m1, m2
    se = np.sqrt(2 / 3 * ((replicates - replicates.mean()) ** 2).sum())
    assert found["sd_eV"] == pytest.approx(np.sqrt(2 / 3))
    assert found["sd_eV_hi"] - found["sd_eV"] == pytest.approx(4.302652729911275 * se)


def test_a_trained_models_derivatives_are_those_of_finite_differences_and_energies_are_better_fixed_than_d(
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
            # rounding of a total of some 10^3 eV over the step, and the third derivative times step^2
            np.testing.assert_allclose(
                (ends[0] - ends[1]) / (2 * step), exact, rtol=1e-5, atol=1e-6
            )
    blocks = [(r, g) for r, g, _ in scaled_rows(model, structures, 1.0, 1.0)]
    found = gauss_newton(blocks, model.n_parameters)
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
    from study.gauge.command import _row, combined, rigidity_table

    table, g = combined(pd.DataFrame([], columns=list(_row("", "", "", 0.0))), np.empty((0, 5)))
    found = rigidity_table(gauss_newton([(np.ones(6), np.eye(6, 5))], 5), table, g)
    assert found.empty
    assert {"bond", "sd_eV", "null_share", "effective_rank"} <= set(found)


def test_two_bonds_of_one_type_are_set_in_the_order_of_the_reference() -> None:
    reference = {"strong": 5.0, "weak": 4.0, "other weak": 4.0, "unknown": np.nan}
    rows = [
        {"dataset": "a", "n_train": 8, "model": model, "seed": seed, "bond": bond, "molecule": bond, "bond_type": "C-H",
         "bde298_eV": bde, "bond_energy_eV": 4.0 + 0.01 * seed * (bond == "weak") - 0.5 * (bond == "strong")}
        for model in ("micro", "micro+v") for seed in range(3) for bond, bde in reference.items()
    ]  # fmt: skip
    found = contrasts(pd.DataFrame(rows)).set_index(["lower", "higher"])
    assert set(found.index) == {
        ("weak", "strong"),
        ("other weak", "strong"),
    }  # equal or unknown ones have no order
    assert found.loc[("weak", "strong"), "mean_eV"] == pytest.approx(-0.51)
    assert set(found["determined"]) == {"yes"}


def test_the_squares_of_scaled_residuals_are_the_training_loss(
    build_model: Callable[..., Any], molecules: dict[str, Structure]
) -> None:
    """nequip's loss: mean square of the energy per atom over frames, of the force over all components."""
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
    residuals = np.concatenate([r for r, _, _ in scaled_rows(model, labelled, 4.0, 0.7)])
    loss = 4.0 * np.mean(energies) + 0.7 * np.mean(forces)
    assert residuals @ residuals / len(labelled) == pytest.approx(loss, rel=1e-9)
