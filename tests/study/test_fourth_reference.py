"""A fourth reference energy: an entry in the registry and a column in a table are all it takes."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from e3d import tables
from e3d.decomposition.decomposed import Decomposed
from e3d.fields import NAMED_BONDS
from e3d.fields import Column as C
from e3d.named_bonds import BDE_FILE, ENERGIES_FILE
from e3d.named_bonds.references import ENERGIES_TABLE, REFERENCES, Reference
from e3d.named_bonds.table import named_bonds, read_references
from e3d.units import EV_KCAL_MOL
from study import runs
from study.bde.tables import bond_types, summary
from study.findings.sections import findings
from study.label_theory.error_parts import read_label_level, split_bonds
from study.null.compare import comparison
from study_tables import _study, maker, study

ROOT = Path(__file__).parents[2]
BDE0 = Reference("bde0", "BDE at 0 K", "BDE$_0$", ENERGIES_TABLE, electronic=True)
ZERO_POINT_KCAL = 7.0
NO_ERRORS = study()["evaluate/errors"].iloc[:0].assign(n_frames=0, n_atoms=0)


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(REFERENCES, BDE0.name, BDE0)
    _study.cache_clear()
    yield
    _study.cache_clear()


@pytest.fixture
def reference(tmp_path: Path) -> pd.DataFrame:
    """Reference energies with a further column, the De of bonds less a zero-point energy."""
    energies = tables.read(ENERGIES_FILE)
    energies[BDE0.kcal_mol] = energies["de_kcal_mol"] - ZERO_POINT_KCAL
    energies.to_csv(tmp_path / "bond_energies.csv", index=False)
    return read_references(BDE_FILE, tmp_path / "bond_energies.csv")


def test_tables_have_its_columns_and_rows(reference: pd.DataFrame, tmp_path: Path) -> None:
    bonds = [
        {C.MOLECULE: "C", C.BOND_TYPE: "C-H", C.BOND_ENERGY: 4.5, C.R: 1.1, C.I: 0, C.J: j,
         C.SMILES: "[C:1]([H:2])([H:3])([H:4])[H:5]", C.N: 1}
        for j in range(1, 5)
    ]  # fmt: skip
    part = Decomposed(NAMED_BONDS, pd.DataFrame(bonds), pd.DataFrame(bonds))
    named = named_bonds([part], reference, None)
    de, value = (float(named[column].iloc[0]) for column in (REFERENCES["de"].column, BDE0.column))
    assert value == pytest.approx(de - ZERO_POINT_KCAL / EV_KCAL_MOL)
    row = bond_types([part], named).iloc[0]
    assert row["n_bde0"] == 1
    assert row[BDE0.error] == pytest.approx(4.5 - value)
    scores = summary(named).set_index("reference")
    assert scores.loc["bde0", "mae_eV"] == pytest.approx(abs(4.5 - value))
    assert "bde0" in set(comparison(named, [], 10, NO_ERRORS, NO_ERRORS)["reference"])
    labels = tables.read(ROOT / "resources" / "label_level.csv")
    labels[BDE0.kcal_mol] = labels["de_kcal_mol"] - ZERO_POINT_KCAL
    labels.to_csv(tmp_path / "label_level.csv", index=False)
    split = split_bonds(named, read_label_level(tmp_path / "label_level.csv"))
    assert set(split["reference"]) == {"de", "mean_bond_energy", "bde0"}
    assert np.isfinite(split["representation_error_eV"]).all()


def test_figures_have_its_panel_and_findings_its_sentence() -> None:
    made = study(seeds=2)
    figure = maker("parity", made)()
    assert [axes.get_xlabel() for axes in figure.axes][-1] == "BDE$_0$ (eV)"
    assert "MAE = 0.55" in figure.axes[3].get_title(loc="left")
    text = "\n".join(findings(made, ["bde"])["bde"])
    assert "BDE at 0 K by 0.55 eV [" in text
    assert runs.reference(made["decompose/summary"])[0] == "mini"
