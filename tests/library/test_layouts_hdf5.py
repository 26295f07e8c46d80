"""ANI-1x, Transition1x and modelforge files: units, signs, and the traps of each."""

import gzip
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from e3d.store.layouts.transition1x import ATOMIZATION, END_POINTS
from layout_fixtures import dropped, frames

# CODATA 2018, independent of e3d.units: e and N_A are exact, the hartree in J is measured
ELEMENTARY_CHARGE, AVOGADRO, HARTREE_J = 1.602176634e-19, 6.02214076e23, 4.3597447222071e-18
HARTREE = HARTREE_J / ELEMENTARY_CHARGE
KJ_MOL = 1000 / AVOGADRO / ELEMENTARY_CHARGE
RTOL = 1e-11  # the constants of e3d.units have 12 digits
METHANOL = [6, 8, 1, 1, 1, 1]
T1X_ENERGY, T1X_FORCES = "wB97x_6-31G(d).energy", "wB97x_6-31G(d).forces"


def _arrays(m: int, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(m, n, 3)), rng.normal(size=m) - 100, rng.normal(size=(m, n, 3))


def ani_group(m: int = 3, numbers: Any = METHANOL) -> dict[str, Any]:
    positions, energy, forces = _arrays(m, len(numbers))
    return {
        "atomic_numbers": np.array(numbers, dtype=np.uint8),
        "coordinates": positions.astype(np.float32),
        "wb97x_dz.energy": energy,
        "wb97x_dz.forces": forces.astype(np.float32),
        "ccsd(t)_cbs.energy": np.full(m, np.nan),
    }


def t1x_group(m: int = 3, numbers: Any = METHANOL, seed: int = 0) -> dict[str, Any]:
    positions, energy, forces = _arrays(m, len(numbers), seed)
    return {
        "atomic_numbers": np.array(numbers),
        "positions": positions,
        T1X_ENERGY: energy,
        T1X_FORCES: forces,
    }


def t1x_reaction(m: int = 3, seed: int = 0) -> dict[str, Any]:
    """Make a path whose first image is the reactant; product and transition state are not on it."""
    path = t1x_group(m, seed=seed)
    reactant = path | {key: path[key][:1] for key in ("positions", T1X_ENERGY, T1X_FORCES)}
    ends = {"product": t1x_group(1, seed=seed + 1), "transition_state": t1x_group(1, seed=seed + 2)}
    return path | {"reactant": reactant} | ends


def record(
    smiles: str | None = None, m: int = 2, numbers: Any = METHANOL, charge: Any = 0.0
) -> dict[str, Any]:
    """Make a record as modelforge's ``SourceDataset._write_record_to_hdf5`` does."""
    positions, energy, forces = _arrays(m, len(numbers))
    made: dict[str, Any] = {
        "atomic_numbers": (np.array(numbers)[:, None], {"format": "atomic_numbers"}),
        "n_configs": (m, {"format": "meta_data"}),
        "positions": (positions, {"u": "nanometer", "format": "per_atom"}),
        "dft_total_energy": (
            energy[:, None] * 1000,
            {"u": "kilojoule_per_mole", "format": "per_system"},
        ),
        "dft_total_force": (forces, {"u": "kilojoule_per_mole / nanometer", "format": "per_atom"}),
        "total_charge": (
            np.full((m, 1), charge),
            {"u": "elementary_charge", "format": "per_system"},
        ),
    }
    return made if smiles is None else made | {"smiles": (smiles, {"format": "meta_data"})}


def test_ani1x_units_and_sign(hdf5_file: Any, read_groups: Any) -> None:
    source = ani_group()
    (group,) = read_groups("ani1x", hdf5_file({"C1H4O1": source}))
    np.testing.assert_allclose(group.positions, source["coordinates"], rtol=0)
    np.testing.assert_allclose(group.energy, source["wb97x_dz.energy"] * HARTREE, rtol=RTOL)
    np.testing.assert_allclose(
        group.forces, source["wb97x_dz.forces"].astype(np.float64) * HARTREE, rtol=RTOL
    )
    assert (group.smiles, group.name, group.charge, group.multiplicity) == ("", "CH4O", 0, 1)
    assert group.source_index is None
    # control: hartree/bohr, SPICE's unit, is nearly twice as much
    assert not np.allclose(
        group.forces, source["wb97x_dz.forces"] * HARTREE / 0.529177210903, rtol=0.1
    )


def test_ani1x_rows_of_nan_are_dropped_and_counted(hdf5_file: Any, read_groups: Any) -> None:
    some, none = ani_group(4), ani_group(2, [8, 1, 1])
    some["wb97x_dz.energy"][1] = np.nan
    some["wb97x_dz.forces"][3, 2, 0] = np.nan
    none["wb97x_dz.energy"][:] = np.nan
    groups = read_groups("ani1x", hdf5_file({"C1H4O1": some, "H2O1": none}))
    assert [len(group.energy) for group in groups] == [2, 0]
    assert [sum(group.dropped.values()) for group in groups] == [2, 2]
    np.testing.assert_allclose(
        groups[0].energy, some["wb97x_dz.energy"][[0, 2]] * HARTREE, rtol=RTOL
    )


def test_ani1x_positions_of_nan_are_refused(
    hdf5_file: Any, read_groups: Any, input_error: Any
) -> None:
    bad = ani_group()
    bad["coordinates"][1] = np.nan
    with input_error("CH4O", "positions of conformation 1 is not finite"):
        read_groups("ani1x", hdf5_file({"C1H4O1": bad}))


def test_transition1x_units_name_and_state(hdf5_file: Any, read_groups: Any) -> None:
    source = t1x_group()
    (group,) = read_groups("transition1x", hdf5_file({"data": {"C1H4O1": {"rxn0001": source}}}))
    np.testing.assert_array_equal(group.positions, source["positions"])
    np.testing.assert_array_equal(group.energy, source[T1X_ENERGY])  # eV as they are
    np.testing.assert_array_equal(group.forces, source[T1X_FORCES])
    assert (group.smiles, group.name, group.subset) == ("", "CH4O", "Transition1x")
    assert (group.charge, group.multiplicity) == (0, 1)


@pytest.mark.parametrize("link", ["soft", "hard", "copy", "formula"])
def test_transition1x_views_are_read_once_and_name_the_split(
    link: str, hdf5_file: Any, read_groups: Any
) -> None:
    path = hdf5_file(
        {"data": {"C1H4O1": {"rxn0": t1x_group(3, seed=0), "rxn1": t1x_group(2, seed=1)}}}
    )
    with h5py.File(path, "a") as file:
        for split, reaction in (("train", "rxn0"), ("test", "rxn1")):
            target, source = f"{split}/C1H4O1/{reaction}", f"data/C1H4O1/{reaction}"
            if link == "copy":
                file.copy(source, target)
            else:
                file[target] = h5py.SoftLink(f"/{source}") if link == "soft" else file[source]
        if link == "formula":
            del file["test"]
            file["test/C1H4O1"] = h5py.SoftLink("/data/C1H4O1")
            del file["train"]
    groups = read_groups("transition1x", path)
    assert frames(groups) == 5
    expected = ["test", "test"] if link == "formula" else ["train", "test"]
    assert [group.subset for group in groups] == [f"Transition1x {split}" for split in expected]


def test_transition1x_views_hold_the_same_reactions(
    hdf5_file: Any, read_groups: Any, input_error: Any
) -> None:
    one, other = t1x_group(3), t1x_group(3)
    other[T1X_ENERGY] = other[T1X_ENERGY] + 0.5
    tree = {view: {"C1H4O1": {"rxn0": one}} for view in ("data", "train")}
    assert frames(read_groups("transition1x", hdf5_file(tree))) == 3
    changed = {**tree, "train": {"C1H4O1": {"rxn0": other}}}
    with input_error("/data/C1H4O1/rxn0", f"{T1X_ENERGY} differs from that of /train/C1H4O1/rxn0"):
        read_groups("transition1x", hdf5_file(changed, "changed.h5"))


def test_a_link_that_leads_nowhere_is_refused(
    hdf5_file: Any, read_groups: Any, input_error: Any
) -> None:
    path = hdf5_file({"data": {"C1H4O1": {"rxn0": t1x_group()}}})
    with h5py.File(path, "a") as file:
        file["data/C1H4O1/rxn1"] = h5py.SoftLink("/elsewhere")
    with input_error("/data/C1H4O1", "link 'rxn1' leads nowhere"):
        read_groups("transition1x", path)


def test_transition1x_without_data_reads_the_views(hdf5_file: Any, read_groups: Any) -> None:
    groups = read_groups("transition1x", hdf5_file({"val": {"C1H4O1": {"rxn0": t1x_group(3)}}}))
    assert (frames(groups), groups[0].subset) == (3, "Transition1x val")


def test_transition1x_end_points_on_the_path_are_counted_others_added(
    hdf5_file: Any, read_groups: Any
) -> None:
    source = t1x_reaction()
    (group,) = read_groups("transition1x", hdf5_file({"data": {"C1H4O1": {"rxn0": source}}}))
    assert len(group.energy) == 3 + 2
    assert sum(dropped([group]).values()) == 1
    np.testing.assert_array_equal(
        group.energy[3:], [source[e][T1X_ENERGY][0] for e in ("product", "transition_state")]
    )
    np.testing.assert_array_equal(group.forces[4], source["transition_state"][T1X_FORCES][0])


@pytest.mark.parametrize(("key", "change"), [(T1X_ENERGY, 0.2), (T1X_FORCES, 0.5)])
def test_transition1x_end_points_have_the_labels_of_their_image(
    key: str, change: float, hdf5_file: Any, read_groups: Any, input_error: Any
) -> None:
    source = t1x_reaction()
    source["reactant"] = source["reactant"] | {key: source["reactant"][key] + change}
    path = hdf5_file({"data": {"C1H4O1": {"rxn0": source}}})
    with input_error("rxn0/reactant", "as image", "other labels - energy"):
        read_groups("transition1x", path)


def test_transition1x_atomization_energies_are_of_all_frames(
    hdf5_file: Any, read_groups: Any
) -> None:
    """As its loader computes them: energy less isolated atoms, eV."""
    source = t1x_reaction()
    for part in (source, *(source[end] for end in END_POINTS)):
        part[ATOMIZATION] = part[T1X_ENERGY] + 1000.0
    (group,) = read_groups("transition1x", hdf5_file({"data": {"C1H4O1": {"rxn0": source}}}))
    np.testing.assert_allclose(group.formation_energy, group.energy + 1000.0)
    del source["product"][ATOMIZATION]
    path = hdf5_file({"data": {"C1H4O1": {"rxn0": source}}})
    assert read_groups("transition1x", path)[0].formation_energy is None


def test_transition1x_end_points_in_another_order_are_a_group_of_their_own(
    hdf5_file: Any, read_groups: Any
) -> None:
    source = t1x_group() | {"product": t1x_group(1, METHANOL[::-1])}
    end, path = read_groups("transition1x", hdf5_file({"data": {"C1H4O1": {"rxn0": source}}}))
    assert (len(end.energy), len(path.energy)) == (1, 3)
    assert end.atomic_numbers.tolist() == METHANOL[::-1]
    assert end.name == path.name


def test_other_atoms_than_the_formula_or_the_path_are_refused(
    hdf5_file: Any, read_groups: Any, input_error: Any
) -> None:
    with input_error("'C2H6O1'", "called by is C2H6O1", "gives CH4O"):
        read_groups("ani1x", hdf5_file({"C2H6O1": ani_group()}))
    with input_error("/data/C2H6O1/rxn0", "called by is C2H6O1", "gives CH4O"):
        read_groups("transition1x", hdf5_file({"data": {"C2H6O1": {"rxn0": t1x_group()}}}))
    source = t1x_group() | {"product": t1x_group(1, [8, 8, 1, 1, 1, 1])}
    with input_error("rxn0/product", "holds H4O2", "path CH4O"):
        read_groups("transition1x", hdf5_file({"data": {"C1H4O1": {"rxn0": source}}}))


@pytest.mark.parametrize("name", ["a", "F1", "CH4O", "CO", "C1CO1", "OCCO", "rxn-7", "H12"])
def test_a_group_may_have_a_name_that_is_no_formula(
    name: str, hdf5_file: Any, read_groups: Any
) -> None:
    assert frames(read_groups("ani1x", hdf5_file({name: ani_group()}))) == 3


def test_modelforge_units_and_sign(
    hdf5_file: Any, read_groups: Any, mapped: Callable[[str], str]
) -> None:
    source = record(mapped("CO"))
    (group,) = read_groups("modelforge", hdf5_file({"co": source}))
    positions, energy, force = (
        source[key][0] for key in ("positions", "dft_total_energy", "dft_total_force")
    )
    np.testing.assert_allclose(group.positions, positions * 10, rtol=1e-15)
    np.testing.assert_allclose(group.energy, energy[:, 0] * KJ_MOL, rtol=RTOL)
    np.testing.assert_allclose(
        group.forces, force * KJ_MOL / 10, rtol=RTOL
    )  # already a force, no sign change
    assert (group.smiles, group.charge) == (mapped("CO"), 0)
    # control: kcal/mol, the other unit of chemists
    assert not np.allclose(group.energy, energy[:, 0] * KJ_MOL * 4.184, rtol=0.1)


def test_modelforge_units_are_read_from_the_file(
    hdf5_file: Any, read_groups: Any, input_error: Any
) -> None:
    source = record()
    source["positions"] = (source["positions"][0], {"u": "angstrom"})
    source["dft_total_force"] = (source["dft_total_force"][0], {"u": "hartree / bohr"})
    (group,) = read_groups("modelforge", hdf5_file({"co": source}))
    np.testing.assert_array_equal(group.positions, source["positions"][0])
    np.testing.assert_allclose(
        group.forces, source["dft_total_force"][0] * HARTREE / 0.529177210903, rtol=RTOL
    )
    for unit in ({"u": "furlong"}, {}):
        source["positions"] = (source["positions"][0], unit)
        with input_error("record 'co'", "unit of positions", "nanometer"):
            read_groups("modelforge", hdf5_file({"co": source}))


def test_modelforge_smiles_that_do_not_name_rows_are_left_out(
    hdf5_file: Any, read_groups: Any, mapped: Callable[[str], str]
) -> None:
    records = {
        "mapped": record(mapped("CO")),
        "not mapped": record("CO", charge=1.0),
        "another order": record(mapped("CO"), numbers=METHANOL[::-1]),
        "unreadable": record("C1["),
        "without": record(),
    }
    found = {
        group.smiles or group.name: group for group in read_groups("modelforge", hdf5_file(records))
    }
    assert set(found) == {mapped("CO"), "CH4O"}
    groups = read_groups("modelforge", hdf5_file(records))
    assert [bool(group.smiles) for group in groups] == [
        False,
        True,
        False,
        False,
        False,
    ]  # in order of their names
    assert [group.charge for group in groups] == [0, 0, 1, 0, 0]


def test_modelforge_smiles_of_other_atoms_are_counted(
    hdf5_file: Any,
    read_groups: Any,
    mapped: Callable[[str], str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    right = {"a": record(mapped("CO")), "b": record(mapped("CO"), numbers=METHANOL[::-1])}
    read_groups("modelforge", hdf5_file(right | {"c": record("CO"), "d": record("C1[")}))
    assert "SMILES" not in caplog.text
    wrong = right | {"c": record(mapped("CCO")), "d": record("CC")}
    assert frames(read_groups("modelforge", hdf5_file(wrong))) == 8
    assert "2 records have a SMILES of other atoms than theirs, the first" in caplog.text
    assert "record 'c'" in caplog.text


def test_modelforge_has_as_many_configurations_as_it_says(
    hdf5_file: Any, read_groups: Any, input_error: Any
) -> None:
    made = record() | {"n_configs": (3, {"format": "meta_data"})}
    with input_error("record 'co'", "n_configs is 3, and dft_total_energy has 2 rows"):
        read_groups("modelforge", hdf5_file({"co": made}))


def test_modelforge_is_unpacked_into_a_file_that_goes_away(
    hdf5_file: Any,
    read_groups: Any,
    input_error: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    packed = tmp_path / "spice.hdf5.gz"
    with hdf5_file({"co": record(m=7)}).open("rb") as plain, gzip.open(packed, "wb") as file:
        shutil.copyfileobj(plain, file)
    assert frames(read_groups("modelforge", packed)) == 7
    assert list(scratch.iterdir()) == []
    packed.write_bytes(packed.read_bytes()[:-200])
    with input_error(str(packed), "gzip data are damaged or cut short"):
        read_groups("modelforge", packed)
    packed.write_bytes(gzip.compress(b"not HDF5"))
    with input_error(str(packed), "not a readable HDF5 file"):
        read_groups("modelforge", packed)
    assert list(scratch.iterdir()) == []


def _without(source: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in source.items() if name != key}


BAD: dict[str, tuple[str, Any, list[str]]] = {
    "ani no forces": (
        "ani1x",
        {"C": _without(ani_group(), "wb97x_dz.forces")},
        ["group 'C'", "lacks wb97x_dz.forces"],
    ),
    "ani flat": (
        "ani1x",
        {"C": ani_group() | {"coordinates": np.zeros(9)}},
        ["group 'C'", "(M, N, 3)"],
    ),
    "ani short": (
        "ani1x",
        {"C": ani_group() | {"wb97x_dz.energy": np.zeros(2)}},
        ["group 'C'", "2 energies"],
    ),
    "ani atoms": ("ani1x", {"C": ani_group() | {"atomic_numbers": [6]}}, ["expected (3, 1, 3)"]),
    "ani text": (
        "ani1x",
        {"C": ani_group() | {"wb97x_dz.energy": "abc"}},
        ["group 'C'", "numbers of shape"],
    ),
    "ani empty": ("ani1x", {"energies": np.zeros(3)}, ["holds no groups"]),
    "t1x energy": (
        "transition1x",
        {"data": {"C": {"r": _without(t1x_group(), T1X_ENERGY)}}},
        ["/data/C/r", f"lacks {T1X_ENERGY}"],
    ),
    "t1x end point": (
        "transition1x",
        {"data": {"C": {"r": t1x_group() | {"product": {"positions": np.zeros((1, 6, 3))}}}}},
        ["/data/C/r/product", "lacks atomic_numbers"],
    ),
    "t1x end shape": (
        "transition1x",
        {
            "data": {
                "C": {
                    "r": t1x_group()
                    | {"product": t1x_group(1) | {"positions": np.zeros((1, 5, 3))}}
                }
            }
        },
        ["/data/C/r/product", "do not fit 6 atoms"],
    ),
    "t1x short": (
        "transition1x",
        {"data": {"C": {"r": t1x_group() | {T1X_ENERGY: np.zeros(2)}}}},
        ["expected (2, 6"],
    ),
    "t1x nan": (
        "transition1x",
        {"data": {"C": {"r": t1x_group() | {T1X_ENERGY: np.full(3, np.nan)}}}},
        ["energy of conformation 0 is not finite"],
    ),
    "t1x other": ("transition1x", {"C": ani_group()}, ["holds no reactions"]),
    "forge no force": (
        "modelforge",
        {"c": _without(record(), "dft_total_force")},
        ["record 'c'", "lacks dft_total"],
    ),
    "forge grouped": (
        "modelforge",
        {"c": record() | {"atomic_numbers": np.ones((2, 6, 1))}},
        ["record 'c'", "atomic_numbers has shape (2, 6, 1)"],
    ),
    "forge wide": (
        "modelforge",
        {"c": record() | {"dft_total_energy": (np.zeros((2, 2)), {"u": "hartree"})}},
        ["record 'c'", "(2, 2)", "(M, 1)"],
    ),
    "forge charges": (
        "modelforge",
        {"c": record(charge=0.5)},
        ["record 'c'", "total_charge = 0.5", "whole number"],
    ),
    "forge empty": ("modelforge", {}, ["holds no groups"]),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_not_the_layout_is_refused_by_name(
    case: str, hdf5_file: Any, read_groups: Any, input_error: Any
) -> None:
    layout, tree, texts = BAD[case]
    with input_error(*texts):
        read_groups(layout, hdf5_file(tree))


@pytest.mark.parametrize("layout", ["ani1x", "transition1x", "modelforge"])
def test_missing_and_truncated_files(
    layout: str, hdf5_file: Any, read_groups: Any, input_error: Any, tmp_path: Path
) -> None:
    with input_error("missing.h5", "no such file"):
        read_groups(layout, tmp_path / "missing.h5")
    whole = hdf5_file({"C": ani_group(50)})
    cut = tmp_path / "cut.h5"
    cut.write_bytes(whole.read_bytes()[:-1])
    with input_error("cut.h5", "truncated"):
        read_groups(layout, cut)
