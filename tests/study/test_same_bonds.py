"""Errors against N at the same bonds: bonds that come into training in between are in neither."""

import numpy as np
import pandas as pd
import pytest

from e3d.fields import RELAXED
from e3d.fields import Column as C
from e3d.named_bonds.references import BDE298
from e3d.statistics import Estimate
from study.scaling.figure_emergence import _sentence
from study.scaling.same_bonds import ALWAYS, MAE, NEVER, change, errors, same_bonds

FIRST_N = {"a": 32, "b": 32, "c": 128, "d": 999, "e": 999, "f": 999}
"""The smallest N that holds the molecule of each bond."""
ERROR = {32: 1.0, 64: 0.7, 128: 0.4}


def named() -> pd.DataFrame:
    rows = [
        {
            C.RUN: f"mini/n{n}/nano/s{seed}", C.DATASET: "mini", C.N_TRAIN: n, C.MODEL: "nano",
            C.SEED: seed, C.GEOMETRY: RELAXED, "bond": bond, C.MOLECULE: f"molecule {bond}",
            C.IN_TRAINING: n >= first, BDE298.column: 4.0 + k,
            C.BOND_ENERGY: 4.0 + k + (-1) ** k * error + 0.01 * k,
        }
        for n, error in ERROR.items()
        for seed in range(1 + (n == 128))
        for k, (bond, first) in enumerate(FIRST_N.items())
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_bonds_that_come_into_training_are_in_no_group() -> None:
    found = same_bonds(named(), BDE298)
    assert {group: sorted(set(part["bond"])) for group, part in found.items()} == {
        ALWAYS: ["a", "b"],
        NEVER: ["d", "e", "f"],
    }
    for part in found.values():
        assert (part.groupby(C.RUN)["bond"].nunique() == part["bond"].nunique()).all()


def test_a_bond_that_one_training_set_holds_and_another_does_not_is_in_no_group() -> None:
    other = named()
    other[C.DATASET], other[C.IN_TRAINING] = "other", True
    other[C.RUN] = other[C.RUN].str.replace("mini", "other")
    found = same_bonds(pd.concat([named(), other]), BDE298)
    assert {group: set(part["bond"]) for group, part in found.items()} == {ALWAYS: {"a", "b"}}


def test_errors_and_their_change_are_of_the_same_bonds_and_seeds() -> None:
    part = same_bonds(named(), BDE298)[NEVER]
    by_run = errors(part, BDE298).set_index(C.RUN)[MAE]
    signs = [(-1) ** k * 1.0 + 0.01 * k for k in (3, 4, 5)]
    assert by_run["mini/n32/nano/s0"] == pytest.approx(np.mean(np.abs(signs)))
    found = change(part, BDE298, "mini", "nano")
    assert found.value == pytest.approx(0.4 - 1.0)
    assert not np.isfinite(change(part[part[C.N_TRAIN] == 32], BDE298, "mini", "nano").value)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Estimate(-0.6, -0.8, -0.4), "More data bring D"),
        (Estimate(0.6, 0.4, 0.8), "More data take D"),
        (Estimate(-0.6, -1.4, 0.2), "are not shown to bring"),
    ],
)
def test_the_interval_decides_what_is_said(found: Estimate, words: str) -> None:
    said = _sentence(found, "bonds in training")
    assert words in said
    assert f"{found.value:.2f} eV [{found.lo:.2f}, {found.hi:.2f}]" in said
