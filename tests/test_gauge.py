"""Gauge: rigidity against closed forms, derivatives against finite differences, seeds and variants of made-up D."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from e3d.gauge.rigidity import gauss_newton
from e3d.gauge.study import UNDETERMINED, ablations, contrasts, seeds
from e3d.structures import Structure


def test_variance_of_a_linear_model_has_its_closed_form() -> None:
    rng = np.random.default_rng(1)
    rows, residuals = rng.normal(size=(30, 4)), rng.normal(size=30)
    found = gauss_newton([(residuals[:10], rows[:10]), (residuals[10:], rows[10:])], 4)
    g = rng.normal(size=(3, 4))
    sigma2 = 1e-6 * np.linalg.eigvalsh(rows.T @ rows)[-1]
    exact = np.mean(residuals**2) * np.diag(g @ np.linalg.inv(rows.T @ rows + sigma2 * np.eye(4)) @ g.T)
    np.testing.assert_allclose(found.variances(g, 1e-6), exact, rtol=1e-10)


def test_what_the_data_fix_does_not_depend_on_the_regulariser_and_what_they_leave_open_does() -> None:
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
    from e3d.gauge.derivatives import Differentiable

    model = Differentiable(build_model())
    model.differentiate_forces()
    structure = next(
        s for s in molecules.values() if s.smiles == "[H]O[H]" or (len(s.atomic_numbers) == 3 and model.knows(s))
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
         "bond_type": "C-C" if bond < 4 else "C=C", "bde298_error_eV": 0.1,
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


def test_contrasts_need_seeds_and_variants() -> None:
    assert set(contrasts(_named({"micro": 0.0, "micro+far": 1.0}, 3))["determined"]) == {"yes"}
    assert set(contrasts(_named({"micro": 0.0}, 3))["determined"]) == {UNDETERMINED}
