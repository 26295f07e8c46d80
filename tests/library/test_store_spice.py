"""The SPICE layout and its traps: what is read, what is left out and counted, what is refused."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from e3d.fields import Store as F
from e3d.store.convert import write_store
from e3d.store.reader import StoreReader
from e3d.theory import SPICE
from e3d.units import BOHR_ANG, HARTREE_EV

STRING_ORDER = [0, 1, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 2, 20]  # how SPICE files sort 0..49
PAIRED = (
    "SPICE PubChem Set 1 Single Points Dataset v1.3",
    "SPICE PubChem Boron Silicon v1.0",
    "SPICE DES Monomers Single Points Dataset v1.1",
    "SPICE Dipeptides Single Points Dataset v1.3",
)
UNPAIRED = (
    "SPICE Solvated PubChem Set 1 v1.0",
    "SPICE Solvated Amino Acids Single Points Dataset v1.1",
    "SPICE DES370K Single Points Dataset v1.0",
    "SPICE DES370K Single Points Dataset Supplement v1.1",
    "SPICE Amino Acid Ligand v1.0",
    "SPICE Water Clusters v1.0",
)
# isolated ion of SPICE's reference energies (openmm/spice-dataset, downloader.py), hartree
O_MINUS = -75.17101657391741


def test_units_and_sign_of_the_forces(spice_file: Any, spice_group: Any, tmp_path: Path) -> None:
    group = spice_group("C", m=3)
    write_store(spice_file({"methane": group}), tmp_path / "store.h5")
    with StoreReader(tmp_path / "store.h5") as reader:
        frame = reader.frame(1)
        binding = reader[F.BINDING_ENERGY]
    eps = np.finfo(np.float32).eps  # positions and forces are stored in float32
    np.testing.assert_allclose(frame.positions, group["conformations"][1] * BOHR_ANG, rtol=2 * eps)
    np.testing.assert_allclose(
        frame.forces, -group["dft_total_gradient"][1] * HARTREE_EV / BOHR_ANG, rtol=2 * eps
    )
    assert frame.energy == pytest.approx(group["dft_total_energy"][1] * HARTREE_EV, rel=1e-15)
    # a difference of numbers near 1e3 eV in float64: 1e3 * 2e-16, times a few operations
    np.testing.assert_allclose(binding, group["formation_energy"] * HARTREE_EV, atol=1e-11)


def test_binding_energy_of_minispice_is_its_formation_energy(
    prepared: Any, minispice: Path
) -> None:
    with h5py.File(minispice) as file, StoreReader(prepared.store) as reader:
        formation = (
            np.concatenate([file[name]["formation_energy"][()] for name in file]) * HARTREE_EV
        )
        stored = reader[F.BINDING_ENERGY]
    np.testing.assert_allclose(stored, formation, atol=1e-9)
    assert (stored < 0).all()


def test_empty_groups_are_left_out_and_counted(
    spice_file: Any, spice_group: Any, tmp_path: Path
) -> None:
    empty = spice_group("O") | {
        key: np.zeros(0)
        for key in ("conformations", "formation_energy", "dft_total_energy", "dft_total_gradient")
    }
    report = write_store(spice_file({"a": empty, "b": spice_group("C")}), tmp_path / "store.h5")
    assert report.frames_dropped == {"groups without conformations": 1}
    assert (report.frames, report.molecules) == (3, {"C"})


def test_a_smiles_rdkit_cannot_read_is_left_out_and_counted(
    spice_file: Any, spice_group: Any, tmp_path: Path
) -> None:
    strange = spice_group("O") | {"smiles": ["C1["]}
    report = write_store(spice_file({"a": strange, "b": spice_group("C")}), tmp_path / "store.h5")
    assert report.frames_dropped == {"SMILES that cannot be read": 3}
    assert (report.frames, report.molecules) == (3, {"C"})


def test_multipoles_may_be_missing_or_anything(
    spice_file: Any, spice_group: Any, tmp_path: Path
) -> None:
    strange = spice_group("O") | {"mbis_charges": np.full(7, np.nan)}
    report = write_store(spice_file({"a": strange, "b": spice_group("C")}), tmp_path / "store.h5")
    assert report.frames == 6


def test_molecules_are_known_by_smiles_not_by_group_name(
    spice_file: Any, spice_group: Any, tmp_path: Path
) -> None:
    groups = {
        "c1ccccc1": spice_group("C1CCCCC1"),  # cyclohexane's lower-cased name
        "C1CCCCC1": spice_group("c1ccccc1"),
        "another benzene": spice_group("c1ccccc1", m=2),
    }
    write_store(spice_file(groups), tmp_path / "store.h5")
    with StoreReader(tmp_path / "store.h5") as reader:
        names = [reader.molecule_smiles[m] for m in reader.molecule]
        atoms = np.diff(reader.frame_ptr)
    assert names.count("c1ccccc1") == 5
    assert names.count("C1CCCCC1") == 3
    assert all((n == 12) == (name == "c1ccccc1") for n, name in zip(atoms, names, strict=True))


@pytest.mark.parametrize("subset", PAIRED)
def test_fifty_conformations_of_a_paired_subset_are_in_string_order(
    subset: str, spice_file: Any, spice_group: Any, tmp_path: Path
) -> None:
    report = write_store(spice_file({"a": spice_group("C", 50, subset)}), tmp_path / "store.h5")
    with StoreReader(tmp_path / "store.h5") as reader:
        index = reader[F.SOURCE_INDEX].tolist()
    assert index[:14] == STRING_ORDER
    assert sorted(index) == list(range(50))
    assert report.frames_by_subset == {subset: 50}


@pytest.mark.parametrize(
    ("subset", "m"), [*((name, 50) for name in UNPAIRED), (PAIRED[0], 49), (PAIRED[0], 51)]
)
def test_elsewhere_the_original_number_is_unknown(
    subset: str, m: int, spice_file: Any, spice_group: Any, tmp_path: Path
) -> None:
    write_store(spice_file({"a": spice_group("C", m, subset)}), tmp_path / "store.h5")
    with StoreReader(tmp_path / "store.h5") as reader:
        assert set(reader[F.SOURCE_INDEX].tolist()) == {-1}


def test_sample_index_wins_over_the_order_of_the_file(
    spice_file: Any, spice_group: Any, tmp_path: Path
) -> None:
    given = np.array([26, 1, 7], dtype=np.int16)
    write_store(
        spice_file({"a": spice_group("C", 3) | {"sample_index": given}}), tmp_path / "store.h5"
    )
    with StoreReader(tmp_path / "store.h5") as reader:
        assert reader[F.SOURCE_INDEX].tolist() == given.tolist()


def test_charged_species_are_left_out_and_counted(
    spice_file: Any, spice_group: Any, tmp_path: Path
) -> None:
    """Formation energies of anions are relative to ions, so not checked; nitro is no anion."""
    acetate = spice_group("CC(=O)[O-]", 4)
    neutral_o = SPICE.isolated_atom_energy["O"] / HARTREE_EV
    acetate["formation_energy"] = acetate["formation_energy"] - (O_MINUS - neutral_o)
    groups = {"a": acetate, "b": spice_group("[NH4+]", 2), "c": spice_group("C[N+](=O)[O-]", 3)}
    report = write_store(spice_file(groups), tmp_path / "store.h5")
    assert dict(report.frames_dropped) == {
        "charged species (one shift per element cannot hold both)": 6
    }
    assert report.molecules == {"C[N+](=O)[O-]"}


@pytest.mark.parametrize(
    "salt", ["[Li+].[F-]", "[Na+].[Cl-]", "[K+].[Br-]", "[Mg+2].[Cl-].[Cl-]", "[Ca+2].[F-].[F-]"]
)
def test_elements_known_only_as_ions_are_left_out_even_if_neutral(
    salt: str, spice_file: Any, spice_group: Any, tmp_path: Path
) -> None:
    report = write_store(
        spice_file({"a": spice_group(salt, 2), "b": spice_group("C")}), tmp_path / "store.h5"
    )
    assert sum(report.frames_dropped.values()) == 2
    assert salt[1:3].rstrip("+") in next(iter(report.frames_dropped))
    assert report.molecules == {"C"}


def test_clusters_keep_their_atom_order(spice_file: Any, spice_group: Any, tmp_path: Path) -> None:
    smiles = "[O:1]([H:3])[H:5].[C:2]([H:4])([H:6])([H:7])[H:8]"
    write_store(spice_file({"a": spice_group(smiles, 2)}), tmp_path / "store.h5")
    with StoreReader(tmp_path / "store.h5") as reader:
        assert reader.molecule_smiles == ["C.O"]
        assert reader.group_smiles == [smiles]
        assert reader.frame(1).atomic_numbers.tolist() == [8, 6, 1, 1, 1, 1, 1, 1]


def _set(key: str, change: Callable[[Any], Any]) -> Callable[[dict[str, Any]], None]:
    def apply(group: dict[str, Any]) -> None:
        group[key] = change(group[key])

    return apply


def _with_nan(values: np.ndarray) -> np.ndarray:
    values = values.copy()
    values[1] = np.nan
    return values


LABELS = ("conformations", "dft_total_energy", "dft_total_gradient")
BAD_GROUPS = {
    **{
        f"no {key}": (lambda g, key=key: g.pop(key), [key, "lacks"])
        for key in (*LABELS, "smiles", "atomic_numbers")
    },
    **{
        f"nan {key}": (_set(key, _with_nan), ["not finite", "conformation 1", "1 of 3"])
        for key in LABELS
    },
    **{f"short {key}": (_set(key, lambda v: v[:-1]), ["expected (", "Fix"]) for key in LABELS},
    **{f"flat {key}": (_set(key, np.ravel), [key, "shape"]) for key in (LABELS[0], LABELS[2])},
    **{f"scalar {key}": (_set(key, lambda _: np.float64(1)), [key, "shape ()"]) for key in LABELS},
    **{f"text {key}": (_set(key, lambda _: ["abc"] * 3), [key, "numbers"]) for key in LABELS},
    "two columns of energies": (
        _set(LABELS[1], lambda v: np.stack([v, v], 1)),
        [LABELS[1], "(3, 2)", "(M,)"],
    ),
    "two coordinates": (_set(LABELS[0], lambda v: v[..., :2]), ["(3, 5, 2)", "(3, 5, 3)"]),
    "one atom less": (_set("atomic_numbers", lambda v: v[:-1]), ["expected (3, 4, 3)"]),
    "atoms as a column": (
        _set("atomic_numbers", lambda v: v[:, None]),
        ["atomic_numbers", "(5, 1)"],
    ),
    "atoms in another order": (
        _set("atomic_numbers", lambda v: v[::-1].copy()),
        ["map numbers", "row k-1"],
    ),
    "no such element": (_set("atomic_numbers", lambda v: v + 200), ["atomic_numbers", "1..118"]),
    "dummy atoms": (_set("atomic_numbers", lambda v: v * 0), ["atomic_numbers", "1..118"]),
    "two smiles": (_set("smiles", lambda v: v * 2), ["2 strings"]),
    "empty smiles": (_set("smiles", lambda _: [""]), ["map numbers"]),
    "no map numbers": (_set("smiles", lambda _: ["C"]), ["map numbers must be 1..5"]),
    "formation energy of another theory": (
        _set("formation_energy", lambda v: v + 0.01),
        ["is 0.27 eV away", "formation_energy", "theory"],
    ),
    "formation energy not a number": (_set("formation_energy", _with_nan), ["formation_energy"]),
    "formation energy too short": (
        _set("formation_energy", lambda v: v[:2]),
        ["formation_energy", "(2,)", "(3,)"],
    ),
}


@pytest.mark.parametrize("case", BAD_GROUPS)
def test_a_bad_group_is_refused_in_one_line_and_leaves_nothing(
    case: str, spice_file: Any, spice_group: Any, input_error: Any, tmp_path: Path
) -> None:
    spoil, texts = BAD_GROUPS[case]
    bad = spice_group("C")
    spoil(bad)
    source = spice_file({"a good one": spice_group("O"), "bad": bad})
    with input_error(str(source), *texts):
        write_store(source, tmp_path / "out" / "store.h5")
    left = list((tmp_path / "out").iterdir()) if (tmp_path / "out").exists() else []
    assert left == [], "temporary or partial files were left behind"


def test_bad_sample_index(
    spice_file: Any, spice_group: Any, input_error: Any, tmp_path: Path
) -> None:
    source = spice_file({"a": spice_group("C") | {"sample_index": np.arange(5)}})
    with input_error(str(source), "source_index", "(5,)", "(3,)"):
        write_store(source, tmp_path / "store.h5")


def _good_then(path: Path, spice_file: Any, spice_group: Any) -> Path:
    return Path(spice_file({"a": spice_group("C")})).rename(path)


def test_files_that_are_not_the_layout(
    spice_file: Any, spice_group: Any, input_error: Any, tmp_path: Path
) -> None:
    out = tmp_path / "out" / "store.h5"
    with input_error("missing.hdf5", "no such file", "path"):
        write_store(tmp_path / "missing.hdf5", out)
    text = tmp_path / "text.hdf5"
    text.write_text("not HDF5")
    with input_error("text.hdf5", "not a readable HDF5 file (8 bytes"):
        write_store(text, out)
    whole = _good_then(tmp_path / "whole.hdf5", spice_file, spice_group)
    for length in (100, 1000, whole.stat().st_size - 1):
        cut = tmp_path / "cut.hdf5"
        cut.write_bytes(whole.read_bytes()[:length])
        with input_error("cut.hdf5", "truncated"):
            write_store(cut, out)
    with h5py.File(tmp_path / "flat.hdf5", "w") as file:
        file["energies"] = np.zeros(3)
    with input_error("flat.hdf5", "holds no groups", "layout"):
        write_store(tmp_path / "flat.hdf5", out)
    assert not list(out.parent.glob("*")) if out.parent.exists() else True


def test_a_checksum_is_compared_in_either_case(
    spice_file: Any, spice_group: Any, tmp_path: Path
) -> None:
    source = spice_file({"a": spice_group("C")})
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    write_store(source, tmp_path / "store.h5", sha256=digest.upper())
    assert (tmp_path / "store.h5").is_file()


def test_entries_that_do_not_fit(
    spice_file: Any, spice_group: Any, input_error: Any, tmp_path: Path
) -> None:
    source, out = spice_file({"a": spice_group("C")}), tmp_path / "out" / "store.h5"
    atoms = {"C": -1030.0, "H": -13.6}
    with input_error("SHA-256", "expected " + "0" * 64, "fetch"):
        write_store(source, out, sha256="0" * 64)
    with input_error("'spise'", "did you mean 'spice'", "layout"):
        write_store(source, out, layout="spise")
    with input_error("'wB97M'", SPICE.name, "isolated_atom_energy_eV"):
        write_store(source, out, theory="wB97M")
    with input_error("no isolated-atom energy of H", "exclude_elements"):
        write_store(source, out, theory="own", isolated_atom_energy={"C": -1030.0})
    with input_error("'Hx'", "not a chemical symbol"):
        write_store(source, out, theory="own", isolated_atom_energy=atoms | {"Hx": 0.0})
    with input_error("'na'", "not a chemical symbol"):
        write_store(source, out, exclude_elements=["na"])
    with input_error("no usable frame", "element C, H", "3"):
        write_store(source, out, exclude_elements=["H", "C"])
    with input_error("eV away", "another level of theory"):
        write_store(source, out, theory="own", isolated_atom_energy=atoms)
    assert not out.parent.exists() or list(out.parent.iterdir()) == []
