"""MPtrj and MatPES: structures, stress, what is dropped, and one record in memory at a time."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.io import write
from ase.stress import full_3x3_to_voigt_6_stress

from e3d.fields import Store as F
from e3d.store.checks.levels import require_stated
from e3d.store.convert import write_store
from e3d.store.group import Group
from e3d.store.layouts.frames import LONGEST_GROUP, NOT_CONVERGED, formula
from e3d.store.reader import StoreReader
from layout_fixtures import STRESS, VOIGT, dropped, frames

# independent of e3d.units: 1 kbar = 1e8 Pa, 1 eV/Å^3 = e / 1e-30 m^3
KBAR = 1e8 / (1.602176634e-19 / 1e-30)
RTOL = 1e-12


def test_mptrj_units_stress_and_identity(
    mptrj_frame: Any, json_file: Any, read_groups: Any
) -> None:
    first, polymorph = mptrj_frame("Li O", 1), mptrj_frame("Li Li O O", 2, mp_id="mp-2")
    groups = read_groups(
        "mptrj", json_file({"mp-1": {"mp-1-0-0": first}, "mp-2": {"mp-2-1-3": polymorph}})
    )
    group = groups[0]
    matrix = np.array(first["structure"]["lattice"]["matrix"])
    xyz = np.array([site["xyz"] for site in first["structure"]["sites"]])
    np.testing.assert_allclose(group.positions[0], xyz, rtol=1e-14)
    np.testing.assert_array_equal(group.cell[0], matrix)
    np.testing.assert_array_equal(group.forces[0], first["force"])
    assert group.energy.tolist() == [-6.0]  # uncorrected: -5.7 - 1 would be the corrected one
    np.testing.assert_allclose(group.stress[0], -np.array(STRESS) * KBAR, rtol=RTOL)
    assert group.stress[0, 0, 0] < 0, "VASP's positive stress is compression"
    assert group.pbc.all()
    assert [(g.name, g.subset, g.smiles, g.charge) for g in groups] == [("LiO", "MPtrj", "", 0)] * 2
    # control: taking kbar for GPa is a factor of ten
    assert not np.allclose(group.stress[0], -np.array(STRESS) * KBAR * 10, rtol=0.1)


def test_mptrj_frames_that_cannot_be_used_are_counted(
    mptrj_frame: Any, json_file: Any, read_groups: Any
) -> None:
    shared, vacant = mptrj_frame("Li O", 1), mptrj_frame("Li O", 2)
    shared["structure"]["sites"][0]["species"] = [
        {"element": "Li", "occu": 0.5},
        {"element": "Na", "occu": 0.5},
    ]
    vacant["structure"]["sites"][1]["species"][0]["occu"] = 0.9
    material = {
        "a": shared,
        "b": vacant,
        "c": mptrj_frame(force=None),
        "d": mptrj_frame(uncorrected_total_energy=None),
        "e": mptrj_frame(stress=None),
        "f": mptrj_frame(),
    }
    groups = read_groups("mptrj", json_file({"mp-1": material}))
    assert dropped(groups) == {
        "frames without energy or forces": 2,
        "structures with partly occupied sites": 2,
    }
    assert [(len(group.energy), group.stress is None) for group in groups] == [
        (1, True),
        (1, False),
    ]
    only = read_groups("mptrj", json_file({"mp-1": {"c": material["c"]}}))
    assert (frames(only), dropped(only)) == (0, {"frames without energy or forces": 1})


def test_runs_of_like_frames_become_groups(
    mptrj_frame: Any, json_file: Any, read_groups: Any
) -> None:
    material = {str(i): mptrj_frame("Li O" if i < 4 else "O Li", i) for i in range(6)}
    groups = read_groups("mptrj", json_file({"mp-1": material}))
    assert [group.energy.tolist() for group in groups] == [[-5.0, -6.0, -7.0, -8.0], [-9.0, -10.0]]
    assert groups[1].atomic_numbers.tolist() == [8, 3]
    many = {str(i): mptrj_frame() for i in range(LONGEST_GROUP + 1)}
    assert [len(g.energy) for g in read_groups("mptrj", json_file({"mp-1": many}))] == [
        LONGEST_GROUP,
        1,
    ]


def test_matpes_stress_is_in_the_order_of_ase_with_the_sign_of_vasp(
    matpes_record: Any, json_file: Any, read_groups: Any
) -> None:
    (group,) = read_groups("matpes", json_file([matpes_record()]))
    np.testing.assert_allclose(group.stress[0], -np.array(STRESS) * KBAR, rtol=RTOL)
    np.testing.assert_allclose(
        full_3x3_to_voigt_6_stress(group.stress[0]), -np.array(VOIGT) * KBAR, rtol=RTOL
    )
    # control: VASP's own order (xx, yy, zz, xy, yz, zx) swaps the shear components
    assert not np.isclose(group.stress[0, 0, 1], -VOIGT[3] * KBAR, rtol=0.1)


@pytest.mark.parametrize("form", ["list", "gzip", "lines", "gzip lines"])
def test_matpes_forms_of_the_file(
    form: str, matpes_record: Any, json_file: Any, read_groups: Any
) -> None:
    records = [matpes_record("Li O", 0), matpes_record("Na Cl Na Cl", 1, functional="PBE")]
    text = (
        "\n".join(map(json.dumps, records)) + "\n\n"
        if "lines" in form
        else json.dumps(records, indent=1)
    )
    groups = read_groups(
        "matpes", json_file(text, "source.json.gz" if "gzip" in form else "source.json")
    )
    assert [group.name for group in groups] == ["LiO", "ClNa"]
    assert [group.energy.tolist() for group in groups] == [[-5.0], [-6.0]]
    np.testing.assert_array_equal(groups[1].forces[0], records[1]["forces"])
    assert {group.subset for group in groups} == {"MatPES PBE"}


def test_matpes_records_that_cannot_be_used_are_counted(
    matpes_record: Any, json_file: Any, read_groups: Any
) -> None:
    shared = matpes_record()
    shared["structure"]["sites"][0]["species"][0]["occu"] = 0.25
    groups = read_groups(
        "matpes", json_file([matpes_record(forces=None), shared, matpes_record(stress=None)])
    )
    assert dropped(groups) == {
        "frames without energy or forces": 1,
        "structures with partly occupied sites": 1,
    }
    assert (frames(groups), groups[0].stress) == (1, None)


def test_structures_with_cartesian_sites_charge_and_slabs(
    matpes_record: Any, json_file: Any, read_groups: Any
) -> None:
    made = matpes_record()
    expected = [site["xyz"] for site in made["structure"]["sites"]]
    for site in made["structure"]["sites"]:
        del site["abc"]
    made["structure"]["charge"] = -1.0
    made["structure"]["lattice"]["pbc"] = [True, True, False]
    (group,) = read_groups("matpes", json_file([made]))
    np.testing.assert_array_equal(group.positions[0], expected)
    assert (group.charge, group.pbc[0].tolist()) == (-1, [True, True, False])


def test_structures_agree_with_ase(
    structure_dict: Any, matpes_record: Any, json_file: Any, read_groups: Any
) -> None:
    """Fractional coordinates times row vectors, as ASE has it."""
    from ase import Atoms

    made = structure_dict("Fe O O", 3)
    atoms = Atoms(
        "FeO2",
        scaled_positions=[s["abc"] for s in made["sites"]],
        cell=made["lattice"]["matrix"],
        pbc=True,
    )
    (group,) = read_groups("matpes", json_file([matpes_record("Fe O O", structure=made)]))
    np.testing.assert_allclose(group.positions[0], atoms.positions, rtol=1e-14)
    assert group.name == atoms.get_chemical_formula()


def test_formulas() -> None:
    assert formula(np.array([1, 6, 1, 8, 1, 1])) == "CH4O"
    assert formula(np.array([26, 26, 8, 8, 8, 8]), reduced=True) == "FeO2"
    assert formula(np.array([26, 26, 8, 8, 8, 8])) == "Fe2O4"
    assert formula(np.array([8, 8]), reduced=True) == "O"


def _spoiled(path: str, value: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return a function that sets (or, for ..., deletes) what ``path`` names in a record."""

    def spoil(made: dict[str, Any]) -> dict[str, Any]:
        *parents, last = path.split("/")
        inner: Any = made
        for key in parents:
            inner = inner[int(key) if key.isdigit() else key]
        if value is ...:
            del inner[last]
        else:
            inner[last] = value
        return made

    return spoil


BAD = {
    "no structure": ("structure", ..., ["lacks 'structure'"]),
    "no lattice": ("structure/lattice", ..., ["lacks 'lattice'"]),
    "no matrix": ("structure/lattice/matrix", ..., ["lacks 'matrix'"]),
    "flat matrix": (
        "structure/lattice/matrix",
        [1, 2, 3],
        ["lattice matrix has shape (3,), expected (3, 3)"],
    ),
    "no sites": ("structure/sites", [], ["no sites"]),
    "no species": ("structure/sites/0/species", ..., ["site 0", "lacks 'species'"]),
    "empty species": ("structure/sites/0/species", [], ["site 0", "species is empty"]),
    "no element": ("structure/sites/0/species", [{"occu": 1}], ["site 0", "lacks 'element'"]),
    "two atoms at one site": (
        "structure/sites/0/species",
        [{"element": "Li", "occu": 2}],
        ["site 0", "occu is 2 - expected 1"],
    ),
    "dummy": (
        "structure/sites/1/species",
        [{"element": "Xx", "occu": 1}],
        ["site 1", "'Xx' is no chemical element"],
    ),
    "two coordinates": ("structure/sites/0/abc", [0.1, 0.2], ["abc of the sites"]),
    "half a charge": ("structure/charge", 0.5, ["charge = 0.5", "whole number"]),
    "text for a structure": ("structure", "Li O", ["lacks 'lattice'", "str"]),
    "stress of five": ("stress", [1, 2, 3, 4, 5], ["stress has shape (5,)"]),
}
MATPES_BAD = {
    "no energy": ("energy", ..., ["lacks 'energy'"]),
    "no forces": ("forces", ..., ["lacks 'forces'"]),
    "no functional": ("functional", ..., ["lacks 'functional'"]),
    "one force": ("forces", [[0, 0, 0]], ["forces has shape (1, 3), expected (2, 3)"]),
    "text": ("energy", "low", ["energy is no array of numbers"]),
    "another functional": ("functional", "r2SCAN", ["functional is r2SCAN", "PBE"]),
}
MPTRJ_BAD = {
    "no energy": ("uncorrected_total_energy", ..., ["lacks 'uncorrected_total_energy'"]),
    "no force": ("force", ..., ["lacks 'force'"]),
    "one force": ("force", [[0, 0, 0]], ["forces has shape (1, 3), expected (2, 3)"]),
}


@pytest.mark.parametrize("case", [*BAD, *MATPES_BAD])
def test_bad_records_of_matpes(
    case: str, matpes_record: Any, json_file: Any, read_groups: Any, input_error: Any
) -> None:
    path, value, texts = (BAD | MATPES_BAD)[case]
    source = json_file([matpes_record(), _spoiled(path, value)(matpes_record())])
    with input_error(str(source), "record 1", *texts):
        read_groups("matpes", source)


@pytest.mark.parametrize("case", [*BAD, *MPTRJ_BAD])
def test_bad_frames_of_mptrj(
    case: str, mptrj_frame: Any, json_file: Any, read_groups: Any, input_error: Any
) -> None:
    path, value, texts = (BAD | MPTRJ_BAD)[case]
    source = json_file(
        {"mp-1": {"good": mptrj_frame(), "mp-1-0-1": _spoiled(path, value)(mptrj_frame())}}
    )
    with input_error(str(source), "mp-1, frame mp-1-0-1", *texts):
        read_groups("mptrj", source)


@pytest.mark.parametrize("layout", ["mptrj", "matpes"])
def test_files_that_are_not_the_layout(
    layout: str,
    mptrj_frame: Any,
    matpes_record: Any,
    json_file: Any,
    read_groups: Any,
    input_error: Any,
    tmp_path: Any,
) -> None:
    good = json.dumps(
        {"mp-1": {"f": mptrj_frame()}} if layout == "mptrj" else [matpes_record()] * 3
    )
    with input_error("missing.json", "no such file"):
        read_groups(layout, tmp_path / "missing.json")
    for text in (
        good[:-1],
        good[: len(good) // 2],
        good + "}",
        "",
        "not JSON",
        "{}" if layout == "mptrj" else "[]",
    ):
        source = json_file(text)
        with input_error(str(source)):
            read_groups(layout, source)
    with input_error("source.json", "lacks" if layout == "matpes" else "expected"):
        read_groups(layout, json_file({"mp-1": [1]} if layout == "mptrj" else [[1]]))
    packed = json_file(good, "source.json.gz")
    packed.write_bytes(packed.read_bytes()[:-20])
    with input_error(str(packed), "gzip data are damaged or cut short"):
        read_groups(layout, packed)


def test_a_nan_label_is_refused_not_hidden(
    matpes_record: Any, json_file: Any, read_groups: Any, input_error: Any
) -> None:
    made = matpes_record(forces=[[0, 0, None], [0, 0, 0]])
    with input_error("LiO", "forces of conformation 0 is not finite"):
        read_groups("matpes", json_file([made]))


def test_a_json_object_given_as_matpes_is_not_loaded(
    json_file: Any, read_groups: Any, input_error: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MPtrj is one line of 12 GB: a wrong `layout` must not read it all."""
    monkeypatch.setattr("e3d.store.files.json_stream.LONGEST_LINE", 1000)
    source = json_file({"mp-1": {"f": "x" * 5000}})
    with input_error(str(source), "line 1", "longer than 1000 bytes"):
        read_groups("matpes", source)


def test_mptrj_is_what_others_make_of_it(
    mptrj_frame: Any, json_file: Any, read_groups: Any, tmp_path: Path
) -> None:
    """The same frame through extended XYZ, stress converted by ASE, gives the same group."""
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.units import GPa

    made = mptrj_frame("Li O", 4)
    (group,) = read_groups("mptrj", json_file({"mp-1": {"f": made}}))
    atoms = Atoms("LiO", positions=group.positions[0], cell=group.cell[0], pbc=True)
    stress = full_3x3_to_voigt_6_stress(np.array(STRESS)) * -0.1 * GPa
    atoms.calc = SinglePointCalculator(atoms, energy=-9.0, forces=made["force"], stress=stress)
    write(tmp_path / "one.xyz", atoms, format="extxyz")
    (other,) = read_groups("extxyz", tmp_path / "one.xyz")
    # ASE writes eight decimals, and its GPa is CODATA 2014
    np.testing.assert_allclose(other.stress, group.stress, atol=1e-8)
    np.testing.assert_allclose(other.positions, group.positions, atol=1e-8)
    np.testing.assert_allclose(other.forces, group.forces, atol=1e-8)
    assert (other.name, other.energy.tolist()) == (group.name, group.energy.tolist())


def test_isolated_atoms_come_from_a_file_of_single_atoms(
    json_file: Any, structure_dict: Any, tmp_path: Path, input_error: Any
) -> None:
    """MatPES publishes its atoms as a file of their own; sum(D) is then relative to these."""

    def record(elements: str, energy: float, seed: int = 0) -> dict[str, Any]:
        n = len(elements.split())
        structure = structure_dict(elements, seed=seed)
        if n == 1:  # in a box so large that it is isolated
            for part, key in ((structure["lattice"], "matrix"), (structure["sites"][0], "xyz")):
                part[key] = (4 * np.array(part[key])).tolist()
        return {
            "structure": structure,
            "energy": energy,
            "forces": np.zeros((n, 3)).tolist(),
            "functional": "r2SCAN",
        }

    atoms = json_file([record("Li", -1.0), record("Li", -1.5), record("O", -2.0)], "atoms.json")
    source = json_file([record("Li O", -10.0, seed) for seed in range(3)], "crystals.json")
    entry = {"layout": "matpes", "theory": "r2SCAN (MatPES)", "isolated_atoms": atoms}
    write_store(source, tmp_path / "store.h5", **entry)
    with StoreReader(tmp_path / "store.h5") as reader:
        np.testing.assert_allclose(reader[F.BINDING_ENERGY], -10.0 + 1.5 + 2.0)
    none = json_file([record("Li O", -10.0)], "none.json")
    with input_error("none.json", "no single atom"):
        write_store(source, tmp_path / "other.h5", **entry | {"isolated_atoms": none})


@pytest.mark.parametrize(
    ("theory", "functional", "right"),
    [
        ("PBE (MatPES)", "PBE", True),
        ("PBE (MatPES)", "r2SCAN", False),
        ("r2SCAN (MatPES)", "r2SCAN", True),
        ("r2SCAN (MatPES)", "PBE", False),
        ("wB97M-D3(BJ)/def2-TZVPPD", "PBE", False),
        ("a level of my own", "PBE", True),
    ],
)
def test_matpes_functional_is_that_of_the_theory(
    theory: str,
    functional: str,
    right: bool,
    matpes_record: Any,
    json_file: Any,
    read_groups: Any,
    input_error: Any,
) -> None:
    groups = read_groups("matpes", json_file([matpes_record(functional=functional)]))
    if right:
        assert frames(list(require_stated(groups, theory))) == 1
    else:
        with input_error(f"functional is {functional}", theory, "--theory"):
            list(require_stated(groups, theory))


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ((("run_type", "r2SCAN"),), "its run_type is r2SCAN"),
        ((("functional", "PBE"), ("run_type", "GGA_U")), None),
        ((("run_type", "relax"), ("method", "rattle")), None),
        ((("method", "GFN2-xTB"),), "warned: its method is GFN2-xTB"),
        ((("level_of_theory", "my own"),), "warned: its level_of_theory is my own"),
    ],
)
def test_levels_beside_the_theory(
    stated: Any, said: str | None, input_error: Any, caplog: pytest.LogCaptureFixture
) -> None:
    none = np.zeros((0, 0, 3))
    numbers = np.zeros(0, dtype=np.int64)
    group = Group("", "", numbers, none, np.zeros(0), none, "LiO", levels=stated)
    if said is None or said.startswith("warned"):
        assert len(list(require_stated([group, group], "PBE (MatPES)"))) == 2
        warned = [record.getMessage() for record in caplog.records]
        assert len(warned) == (said is not None), "once for a text"
        assert all(str(said).removeprefix("warned: ") in line for line in warned)
    else:
        with input_error("LiO", said, "--theory"):
            list(require_stated([group], "PBE (MatPES)"))


def test_records_that_did_not_converge(
    matpes_record: Any, mptrj_frame: Any, json_file: Any, read_groups: Any
) -> None:
    records = [matpes_record(converged=flag) for flag in (True, False)]
    assert dropped(read_groups("matpes", json_file(records))) == {NOT_CONVERGED: 1}
    made = {"mp-1": {"a": mptrj_frame(scf_converged=False), "b": mptrj_frame(seed=1)}}
    assert dropped(read_groups("mptrj", json_file(made))) == {NOT_CONVERGED: 1}


@pytest.mark.parametrize(("shift", "right"), [(0.0, True), (None, True), (0.01, False)])
def test_cohesive_energies_are_relative_to_the_atoms_of_the_theory(
    shift: float | None, right: bool, json_file: Any, tmp_path: Path, input_error: Any
) -> None:
    """The example of matpes.ai/dataset (matpes-20240214_999484_73) has this sign and atoms."""
    matrix = [
        [3.178955709039007, 0.0, 0.0],
        [0.9162579385309424, 6.0443487692359605, 0.0],
        [0.8505975627954393, 1.2610826193398135, 2.5634942881327865],
    ]
    places = {
        "Y": [0.8262975288031029, 0.1076795882636929, 0.0790466796845521],
        "Ti": [0.4313331046725963, 0.6086949234199679, 0.9632165015661229],
    }
    sites = [{"species": [{"element": e, "occu": 1}], "abc": abc} for e, abc in places.items()]
    force = np.array([0.43578007, -0.32456562, -0.38019986])
    record = {
        "functional": "PBE",
        "structure": {"lattice": {"matrix": matrix}, "sites": sites},
        "energy": -13.19442081,
        "forces": [force.tolist(), (-force).tolist()],
        "cohesive_energy_per_atom": None if shift is None else -4.266150985 + shift,
    }
    entry: Any = {"layout": "matpes", "theory": "PBE (MatPES)", "exclude_elements": ()}
    if right:
        report = write_store(json_file([record]), tmp_path / "store.h5", **entry)
        assert report.binding_energy_eV_per_atom == pytest.approx([-4.266150985] * 2)
    else:
        with input_error("cohesive_energy_per_atom", "is 0.02 eV away", "allowed 0.0054"):
            write_store(json_file([record]), tmp_path / "store.h5", **entry)


def test_labels_of_sites_that_are_elements_are_those_of_the_atoms(
    json_file: Any, read_groups: Any, mptrj_frame: Any, input_error: Any
) -> None:
    for labels, passes in ((["Fe1", "O"], True), (["Li", "O"], True), (["O", "Li"], False)):
        frame = mptrj_frame("Li O")
        for site, label in zip(frame["structure"]["sites"], labels, strict=True):
            site["label"] = label
        path = json_file({"mp-1": {"mp-1-0-0": frame}})
        if passes:
            assert frames(read_groups("mptrj", path)) == 1
            continue
        with input_error("frame mp-1-0-0: label of site 0 is O", "gives Li"):
            read_groups("mptrj", path)
