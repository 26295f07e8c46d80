"""References at the labels' own level: species, De, mean bond energies, and what ships."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from e3d.named_bonds import BDE_FILE, ENERGIES_FILE
from e3d.theory import SPICE
from e3d.units import EV_KCAL_MOL, HARTREE_EV
from e3d_labels.labelling import label_file
from e3d_labels.reference_energies import write_reference_energies
from e3d_labels.reference_geometries import write_reference_geometries
from e3d_labels.reference_species import species_name

RESOURCES = Path(__file__).parents[2] / "resources"
NAMED = BDE_FILE
KCAL = HARTREE_EV * EV_KCAL_MOL


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference species labelled by GFN2-xTB."""
    folder = tmp_path_factory.mktemp("references")
    write_reference_geometries(NAMED, folder / "geometries.hdf5")
    label_file(folder / "geometries.hdf5", folder / "labels.hdf5", theory="gfn2")
    return folder / "labels.hdf5"


def tables_of(labels: Path, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables of bond energies and of barriers that follow from labels."""
    bonds, barriers = folder / "bonds.csv", folder / "barriers.csv"
    write_reference_energies(labels, NAMED, bonds, barriers=barriers)
    return pd.read_csv(bonds).set_index("bond"), pd.read_csv(barriers).set_index("reaction")


def _energy(labels: Path, smiles: str, multiplicity: int = 1) -> float:
    with h5py.File(labels) as file:
        return float(file[species_name(smiles, multiplicity)]["dft_total_energy"][0])


def test_species_have_their_spin_and_atoms_in_map_order(labelled: Path) -> None:
    with h5py.File(labelled) as file:
        triplet = file[species_name("[CH2]", 3)]
        assert triplet["multiplicity"][0] == 3
        assert triplet["atomic_numbers"][()].tolist() == [6, 1, 1]
        assert file[species_name("[C]", 3)]["multiplicity"][0] == 3, "a carbon atom is no quintet"
        assert species_name("[CH2]", 1) not in file, "the singlet of G2/97 is another species"
        top = file["dbh24_tst_HCN__HNC"]
        assert top["smiles"][0] == b""
        assert not any("ion" in name for name in file), "charged reactions are left out"


def test_de_is_the_energy_of_the_cleavage(labelled: Path, tmp_path: Path) -> None:
    table = tables_of(labelled, tmp_path)[0]
    for bond, parts in {
        "CH3-H": (("C", 1), ("[CH3]", 2), ("[H]", 2)),
        "CH2=CH2": (("C=C", 1), ("[CH2]", 3), ("[CH2]", 3)),
        "CH3-NO2": (("C[N+](=O)[O-]", 1), ("[CH3]", 2), ("O=[N]=O", 2)),
    }.items():
        whole, first, second = (_energy(labelled, *part) for part in parts)
        assert table.loc[bond, "de_kcal_mol"] == pytest.approx(
            (first + second - whole) * KCAL, abs=1e-3
        )


def test_the_mean_bond_energy_shares_the_atomisation_energy(labelled: Path, tmp_path: Path) -> None:
    table = tables_of(labelled, tmp_path)[0]["mean_bond_energy_kcal_mol"]
    carbon, hydrogen, oxygen = (
        _energy(labelled, f"[{z}]", m) for z, m in (("C", 3), ("H", 2), ("O", 3))
    )
    methane = (carbon + 4 * hydrogen - _energy(labelled, "C")) * KCAL
    assert table["CH3-H"] == pytest.approx(methane / 4, abs=1e-3)
    ethane = (2 * carbon + 6 * hydrogen - _energy(labelled, "CC")) * KCAL
    assert table["CH3-CH3"] == pytest.approx(ethane - 6 * methane / 4, abs=1e-3)
    dioxide = (carbon + 2 * oxygen - _energy(labelled, "O=C=O")) * KCAL
    assert table["OC=O (CO2->CO+O)"] == pytest.approx(dioxide / 2, abs=1e-3)
    assert np.isnan(table["C2H5-H"]), "nothing separates C-H of ethane from its C-C"
    assert np.isnan(table["CH3-CHO"]), "C-C and C=O share what is left"


def test_barriers(labelled: Path, tmp_path: Path) -> None:
    table = tables_of(labelled, tmp_path)[1]
    row = table.loc["HCN -> HNC"]
    with h5py.File(labelled) as file:
        top, start, end = (
            float(file[f"dbh24_{name}"]["dft_total_energy"][0])
            for name in ("tst_HCN__HNC", "HCN", "HNC")
        )
    assert row["forward_kcal_mol"] == pytest.approx((top - start) * KCAL, abs=1e-3)
    assert row["backward_kcal_mol"] == pytest.approx((top - end) * KCAL, abs=1e-3)
    assert row["reference_forward_kcal_mol"] == 48.07
    assert len(table) == 9


def test_labels_without_a_level_of_theory(tmp_path: Path, input_error: Any) -> None:
    with h5py.File(tmp_path / "x.hdf5", "w"):
        pass
    with input_error("x.hdf5", "level_of_theory"):
        tables_of(tmp_path / "x.hdf5", tmp_path)


def test_labels_of_other_molecules_make_no_table(tmp_path: Path, input_error: Any) -> None:
    with input_error("minispice.hdf5", "none of the species"):
        tables_of(RESOURCES / "minispice.hdf5", tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- what ships


def test_the_shipped_tables_follow_from_the_shipped_labels(tmp_path: Path) -> None:
    tables_of(RESOURCES / "references.hdf5", tmp_path)
    assert (tmp_path / "bonds.csv").read_text() == (RESOURCES / "label_level.csv").read_text()
    assert (tmp_path / "barriers.csv").read_text() == (
        RESOURCES / "label_level_barriers.csv"
    ).read_text()


def test_the_shipped_labels_are_near_the_best_known_values() -> None:
    """The functional is good: a wrong spin or fragment would be off by 10 kcal/mol and more."""
    ours = pd.read_csv(RESOURCES / "label_level.csv")
    assert set(ours["theory"]) == {SPICE.name}
    best = pd.read_csv(ENERGIES_FILE)
    both = ours.merge(best, on="bond", suffixes=("", "_best"))
    assert len(both) >= 12
    for column in ("de_kcal_mol", "mean_bond_energy_kcal_mol"):
        difference = (both[column] - both[f"{column}_best"]).dropna().abs()
        assert len(difference) >= 10
        assert difference.max() < 6.0, both.loc[difference.idxmax()]
    heights = pd.read_csv(RESOURCES / "label_level_barriers.csv")
    for side in ("forward", "backward"):
        assert (
            heights[f"{side}_kcal_mol"] - heights[f"reference_{side}_kcal_mol"]
        ).abs().max() < 5.0


def test_reference_labels_are_in_no_dataset(root: Path) -> None:
    """No entry of datasets.yaml names them: nothing trains on them."""
    assert "references.hdf5" not in (root / "config" / "datasets.yaml").read_text()
