"""D against reference energies: on made-up decompositions whose D is known exactly."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from e3d import tables
from e3d.chemistry import molecule
from e3d.decomposition.decomposed import Decomposed, load
from e3d.fields import BONDS_FILE, MEANS_FILE, NAMED_BONDS, TEST_CONFORMATIONS, TEST_MOLECULES
from e3d.fields import Column as C
from e3d.named_bonds import BDE_FILE, ENERGIES_FILE
from e3d.named_bonds.table import geometry, named_bonds, read_references
from e3d.units import EV_KCAL_MOL
from study.bde.tables import bond_types, summary, write_tables

RUN = {"run": "a/n8/nano/s0", "dataset": "a", "n_train": 8, "model": "nano", "seed": 0}
Energies = Callable[[str, int], float]


@pytest.fixture(scope="module")
def reference(root: Path) -> pd.DataFrame:
    return read_references(BDE_FILE, ENERGIES_FILE)


@pytest.fixture
def decomposed(mapped: Any) -> Callable[..., Decomposed]:
    """Decompose molecules by hand: ``energy(fine_type, row)`` is D of a bond in every frame."""

    def make(
        structures: str, smiles: Sequence[str], energy: Energies, frames: int = 2
    ) -> Decomposed:
        means, bonds = [], []
        for text in smiles:
            parsed = molecule(mapped(text))
            for row, bond in enumerate(parsed.bonds):
                common = {
                    C.MOLECULE: parsed.smiles,
                    C.BOND_TYPE: bond.bond_type,
                    C.FINE_TYPE: bond.fine_type,
                    C.I: bond.i,
                    C.J: bond.j,
                    C.BOND_ENERGY: energy(bond.fine_type, row),
                    C.R: 1.1,
                }
                means.append({**common, C.SMILES: mapped(text), C.N: frames})
                bonds += [{**common, C.FRAME: frame, C.INTACT: True} for frame in range(frames)]
        return Decomposed(structures, pd.DataFrame(bonds), pd.DataFrame(means))

    return make


def _one(table: pd.DataFrame, **chosen: Any) -> pd.Series:
    for name, value in chosen.items():
        table = table[table[name] == value]
    assert len(table) == 1, table
    return table.iloc[0]


# --- the reference tables


def test_reference_tables_agree_with_each_other(root: Path) -> None:
    bde = tables.read(BDE_FILE).set_index("bond")["bde298_kcal_mol"]
    other = tables.read(ENERGIES_FILE).set_index("bond")
    assert len(other) == 17
    assert other.index.is_unique
    assert bde.index.is_unique
    apart = (other["bde298_kcal_mol"] - bde[other.index]).abs()
    assert apart.max() <= 0.06, apart  # one table is rounded to 0.1 kcal/mol


@pytest.mark.parametrize(
    ("bond", "kind", "mean", "bde298", "de"),
    [  # kcal/mol; computed from W4-17 and ATcT, the sources the table names
        ("CH3-H", "C-H", 105.0, 104.9, 112.6),
        ("CH2=CH2", "C=C", 143.5, 174.7, 182.6),
        ("OC=O (CO2->CO+O)", "C=O", 194.6, 127.2, 130.4),
        ("CH2=NH", "C=N", 129.7, 158.2, np.nan),
        ("CH3-Cl", "C-Cl", 79.6, 83.6, 87.3),
        ("HO-OH", "O-O", 35.8, 50.3, 54.7),
    ],
)
def test_reference_values(
    bond: str, kind: str, mean: float, bde298: float, de: float, root: Path
) -> None:
    row = _one(tables.read(ENERGIES_FILE), bond=bond)
    assert row["bond_type"] == kind
    columns = ["mean_bond_energy_kcal_mol", "bde298_kcal_mol", "de_kcal_mol"]
    np.testing.assert_equal(row[columns].to_numpy(dtype=float), [mean, bde298, de])


def test_references_are_closed_shell_and_in_ev(reference: pd.DataFrame) -> None:
    methane = _one(reference, bond="CH3-H")
    assert methane["canonical"] == "C"
    assert methane["bde298_eV"] == pytest.approx(104.908 / EV_KCAL_MOL, rel=1e-12)
    assert methane["de_eV"] == pytest.approx(112.6 / EV_KCAL_MOL, rel=1e-12)
    assert np.isnan(_one(reference, bond="CH2=NH")["de_eV"])
    assert np.isnan(_one(reference, bond="(CH3)2CH-H")["mean_bond_energy_eV"])
    assert not {"O=O", "N=O (NO)", "O-H (OH radical)"} & set(reference["bond"])
    assert len(reference) == 59
    assert reference["bond"].is_unique


# --- named bonds


def test_a_named_bond_is_the_mean_over_equivalent_bonds_and_frames(
    reference: pd.DataFrame, decomposed: Any
) -> None:
    part = decomposed(NAMED_BONDS, ["CCC"], lambda kind, row: 9.0)
    means = part.means
    secondary = means.index[(means[C.BOND_TYPE] == "C-H") & ((means[C.I] == 1) | (means[C.J] == 1))]
    assert len(secondary) == 2
    means.loc[secondary, C.BOND_ENERGY] = [4.0, 4.2]
    means.loc[secondary, C.N] = [1, 3]
    table = named_bonds([part], reference, {"C"})
    row = _one(table, bond="(CH3)2CH-H")
    assert row[C.BOND_ENERGY] == pytest.approx((4.0 + 3 * 4.2) / 4, rel=1e-12)
    assert row[C.N] == 4
    assert row[C.R] == pytest.approx(1.1)
    assert row["bde298_error_eV"] == pytest.approx(
        row[C.BOND_ENERGY] - 98.281 / EV_KCAL_MOL, rel=1e-12
    )
    assert np.isnan(row["de_error_eV"])
    assert (row[C.GEOMETRY], row[C.BOND_TYPE], row[C.IN_TRAINING]) == ("relaxed", "C-H", False)
    other = _one(table, bond="CH3-C2H5")  # the table's other bond of propane
    assert other[C.BOND_ENERGY] == 9.0


def test_each_set_of_structures_has_its_own_row_and_geometry(
    reference: pd.DataFrame, decomposed: Any
) -> None:
    parts = [
        decomposed(NAMED_BONDS, ["C"], lambda kind, row: 4.5),
        decomposed(TEST_MOLECULES, ["C", "C#CC#C"], lambda kind, row: 4.4),
    ]
    table = named_bonds(parts, reference, {"C", "CC"})
    assert table[C.GEOMETRY].tolist() == ["relaxed", "thermal"]
    assert table[C.BOND_ENERGY].tolist() == [4.5, 4.4]
    assert table[C.IN_TRAINING].tolist() == [True, True]
    assert [geometry(name) for name in (NAMED_BONDS, TEST_CONFORMATIONS, "mine")] == [
        "relaxed",
        "thermal",
        "thermal",
    ]


def test_training_molecules_that_are_not_known_are_not_denied(
    reference: pd.DataFrame, decomposed: Any
) -> None:
    table = named_bonds(
        [decomposed(NAMED_BONDS, ["C", "CC"], lambda kind, row: 4.5)], reference, None
    )
    assert len(table) == 3
    assert table[C.IN_TRAINING].isna().all()
    assert set(summary(table)["molecules"]) == {"all"}


def test_a_bond_beyond_the_cutoff_is_left_out(reference: pd.DataFrame, decomposed: Any) -> None:
    part = decomposed(NAMED_BONDS, ["CC"], lambda kind, row: 4.5)
    kept = Decomposed(part.structures, part.bonds, part.means[part.means[C.BOND_TYPE] == "C-H"])
    assert named_bonds([kept], reference, set())["bond"].tolist() == ["C2H5-H"]


# --- bond types


def test_reference_and_d_of_a_type_average_the_same_named_bonds(
    reference: pd.DataFrame, decomposed: Any
) -> None:
    """Methane has De, ethane's C-H has not, and formamide's is not a named bond at all."""
    value = {"C": 4.5, "CC": 4.3, "NC=O": 1.0}
    parts = [decomposed(NAMED_BONDS, [name], lambda kind, row, v=v: v) for name, v in value.items()]
    part = Decomposed(
        NAMED_BONDS,
        pd.concat([p.bonds for p in parts]),
        pd.concat([p.means for p in parts], ignore_index=True),
    )
    named = named_bonds([part], reference, set())
    row = _one(bond_types([part], named), bond_type="C-H")
    assert row[C.N] == 2 * (4 + 6 + 1)
    assert row[C.BOND_ENERGY] == pytest.approx((4 * 4.5 + 6 * 4.3 + 1.0) / 11, rel=1e-12)
    assert (row["n_bde298"], row["n_de"], row["n_mean_bond_energy"]) == (2, 1, 1)
    assert row["bde298_kcal_mol"] == pytest.approx((104.908 + 100.819) / 2, rel=1e-12)
    assert row["bde298_bond_energy_eV"] == pytest.approx((4.5 + 4.3) / 2, rel=1e-12)
    assert row["de_kcal_mol"] == pytest.approx(112.6, rel=1e-12)
    assert row["de_bond_energy_eV"] == pytest.approx(4.5, rel=1e-12)
    for name in ("bde298", "de", "mean_bond_energy"):
        error = row[f"{name}_bond_energy_eV"] - row[f"{name}_kcal_mol"] / EV_KCAL_MOL
        assert row[f"{name}_error_eV"] == pytest.approx(error, abs=1e-12)


def test_a_type_without_references_keeps_its_distribution(
    reference: pd.DataFrame, decomposed: Any
) -> None:
    part = decomposed(
        TEST_MOLECULES, ["CSSC", "CSSCC", "CCSSCC"], lambda kind, row: 2.51 + 0.1 * row
    )
    row = _one(bond_types([part], named_bonds([part], reference, set())), bond_type="S-S")
    assert row[["n_bde298", "n_de", "n_mean_bond_energy"]].tolist() == [0, 0, 0]
    assert row[["bde298_kcal_mol", "de_bond_energy_eV", "mean_bond_energy_error_eV"]].isna().all()
    d = part.bonds.loc[part.bonds[C.BOND_TYPE] == "S-S", C.BOND_ENERGY]
    assert row["bond_energy_median_eV"] == pytest.approx(d.median())
    assert row["bond_energy_sd_eV"] == pytest.approx(d.std())
    assert row[C.N_MOLECULES] == 3
    assert row[f"{C.BOND_ENERGY}_lo"] < row[C.BOND_ENERGY] < row[f"{C.BOND_ENERGY}_hi"]


def test_the_mode_is_the_middle_of_the_fullest_bin(
    reference: pd.DataFrame, decomposed: Any
) -> None:
    values = iter([4.01, 4.02, 4.03, 4.30])
    part = decomposed(NAMED_BONDS, ["C"], lambda kind, row: next(values), frames=1)
    row = _one(bond_types([part], named_bonds([part], reference, set())), bond_type="C-H")
    assert row["bond_energy_mode_eV"] == pytest.approx(4.025)
    assert np.isnan(row[f"{C.BOND_ENERGY}_lo"]), "one molecule has no interval"


# --- summary


def _perfect(reference: pd.DataFrame, decomposed: Any, name: str, shift: float) -> pd.DataFrame:
    """Return named bonds whose D is the reference energy plus ``shift``."""
    smiles = sorted(set(reference["canonical"]))
    table = named_bonds(
        [decomposed(NAMED_BONDS, smiles, lambda kind, row: 0.0)], reference, set(smiles[::2])
    )
    table = table[table[f"{name}_eV"].notna()].copy()
    table[C.BOND_ENERGY] = table[f"{name}_eV"] + shift
    for other in ("bde298", "de", "mean_bond_energy"):
        table[f"{other}_error_eV"] = table[C.BOND_ENERGY] - table[f"{other}_eV"]
    return table


@pytest.mark.parametrize("name", ["bde298", "de", "mean_bond_energy"])
def test_summary_of_d_that_equals_one_reference_shifted(
    name: str, reference: pd.DataFrame, decomposed: Any
) -> None:
    table = summary(_perfect(reference, decomposed, name, -0.3))
    row = _one(table, reference=name, molecules="all")
    assert row["mae_eV"] == pytest.approx(0.3, abs=1e-12)
    assert row["bias_eV"] == pytest.approx(-0.3, abs=1e-12)
    assert row["types_mae_eV"] == pytest.approx(0.3, abs=1e-12)
    assert row["between_types_spearman"] == pytest.approx(1.0)
    if row["n_pairs_within_types"]:
        assert row["within_types_kendall"] == pytest.approx(1.0)
    wrong = table[(table["reference"] != name) & (table["molecules"] == "all")]
    assert (wrong["mae_eV"] > 0.31).any(), "the three references are different quantities"


def test_summary_separates_training_molecules(reference: pd.DataFrame, decomposed: Any) -> None:
    named = _perfect(reference, decomposed, "bde298", 0.0)
    named.loc[~named[C.IN_TRAINING].astype(bool), C.BOND_ENERGY] += 1.0
    table = summary(named)
    inside, outside, both = (
        _one(table, reference="bde298", molecules=m)
        for m in ("in_training", "not_in_training", "all")
    )
    assert (inside["mae_eV"], outside["mae_eV"]) == (
        pytest.approx(0, abs=1e-12),
        pytest.approx(1.0),
    )
    assert inside["n_bonds"] + outside["n_bonds"] == both["n_bonds"] == 59
    assert 0 < both["mae_eV"] < 1
    assert both["mae_eV_lo"] < both["mae_eV"] < both["mae_eV_hi"]


def test_order_within_types_is_not_helped_by_the_order_between_them(
    reference: pd.DataFrame, decomposed: Any
) -> None:
    named = _perfect(reference, decomposed, "bde298", 0.0)
    type_mean = named.groupby(C.BOND_TYPE)["bde298_eV"].transform("mean")
    named[C.BOND_ENERGY] = 2 * type_mean - named["bde298_eV"]  # reversed within each type
    row = _one(summary(named), reference="bde298", molecules="all")
    assert row["between_types_spearman"] == pytest.approx(1.0)
    assert row["within_types_kendall"] == pytest.approx(
        -1.0, abs=0.02
    )  # equal references are neither


# --- files


def _save(part: Decomposed, folder: Path) -> Path:
    path = folder / part.structures
    path.mkdir(parents=True)
    part.bonds.to_parquet(path / BONDS_FILE)
    part.means.to_csv(path / MEANS_FILE, index=False)
    return path


def test_load_leaves_out_frames_whose_bonds_changed(decomposed: Any, tmp_path: Path) -> None:
    part = decomposed(NAMED_BONDS, ["C"], lambda kind, row: 4.5)
    part.bonds[C.INTACT] = part.bonds[C.FRAME] == 0
    (loaded,) = load([_save(part, tmp_path)])
    assert loaded.structures == NAMED_BONDS
    assert len(loaded.bonds) == 4


def test_run_tables_writes_five_tables(root: Path, decomposed: Any, tmp_path: Path) -> None:
    folders = [
        _save(decomposed(name, ["CC", "C=C", "C"], lambda kind, row: 4.0 + 0.1 * row), tmp_path)
        for name in (NAMED_BONDS, TEST_MOLECULES)
    ]
    subset = tmp_path / "subset.csv"
    pd.DataFrame({"smiles": ["C.O", "CC"]}).to_csv(subset, index=False)
    bde, energies = BDE_FILE, ENERGIES_FILE
    write_tables(folders, bde, energies, subset, tmp_path / "out" / "s0.csv", RUN)
    found = {path.name: tables.read(path) for path in (tmp_path / "out").glob("*.csv")}
    others = ("named", "summary", "order")
    assert set(found) == {"s0.csv", *(f"s0.{name}.csv" for name in others)}
    for table in found.values():
        assert table.columns[:5].tolist() == list(RUN)
        assert (table["run"] == RUN["run"]).all()
    named = found["s0.named.csv"].set_index("bond")["in_training"]
    assert named["CH3-H"].all(), "methane was trained on, in a cluster"
    assert not named["CH2=CH2"].any()


def test_molecules_smaller_than_any_frame_were_not_in_training(decomposed: Any) -> None:
    """What a given model saw is not known, but SPICE 2's models saw no two atoms."""
    parts = [decomposed(NAMED_BONDS, ["CC", "[H][H]"], lambda kind, row: 4.0)]
    references = read_references(BDE_FILE, ENERGIES_FILE)
    named = named_bonds(parts, references, None, 3).set_index("molecule")["in_training"]
    assert named["[H][H]"] is False
    assert named["CC"].isna().all()
    assert named_bonds(parts, references, None)["in_training"].isna().all()


def test_structures_without_a_named_molecule_give_empty_tables(
    root: Path, decomposed: Any, tmp_path: Path
) -> None:
    folder = _save(decomposed("mine", ["CSSC"], lambda kind, row: 3.0), tmp_path)
    bde, energies = BDE_FILE, ENERGIES_FILE
    write_tables([folder], bde, energies, None, tmp_path / "s0.csv", RUN)
    assert tables.read(tmp_path / "s0.named.csv", columns=("bond", "bde298_error_eV")).empty
    assert tables.read(tmp_path / "s0.summary.csv").empty
    assert set(tables.read(tmp_path / "s0.csv")["bond_type"]) == {"C-H", "C-S", "S-S"}
