"""HDF5 files of other people: units, types, charges, links, locks and flipped bytes."""

import random
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
import pytest

from e3d.errors import InputError
from e3d.store.files.hdf5 import open_hdf5
from e3d.store.group import check_groups
from e3d.store.layouts import reader

HARTREE, BOHR, KCAL_MOL = 27.211386245988, 0.529177210903, 1 / 23.060547830619  # eV, Å, eV
SMILES = "[C:1]([H:2])([H:3])([H:4])[H:5]"
NUMBERS = np.array([6, 1, 1, 1, 1])
CORNERS = np.array([[0, 0, 0], [1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]])
RNG = np.random.default_rng(0)
POSITIONS = 1.19 * CORNERS + 0.01 * RNG.normal(size=(3, 5, 3))  # bohr
ENERGY, GRADIENT = -40.5 + 0.01 * RNG.normal(size=3), 0.01 * RNG.normal(size=(3, 5, 3))
SPICE = {
    "subset": "made up",
    "smiles": SMILES,
    "atomic_numbers": NUMBERS,
    "conformations": POSITIONS,
    "dft_total_energy": ENERGY,
    "dft_total_gradient": GRADIENT,
}
ANI = {
    "atomic_numbers": NUMBERS,
    "coordinates": POSITIONS * BOHR,
    "wb97x_dz.energy": ENERGY,
    "wb97x_dz.forces": -GRADIENT,
}
REACTION = {
    "atomic_numbers": NUMBERS,
    "positions": POSITIONS * BOHR,
    "wB97x_6-31G(d).energy": ENERGY * HARTREE,
    "wB97x_6-31G(d).forces": -GRADIENT,
}
RECORD = {
    "atomic_numbers": NUMBERS[:, None],
    "positions": (POSITIONS * BOHR / 10, {"u": "nanometer"}),
    "dft_total_energy": (ENERGY[:, None], {"u": "hartree"}),
    "dft_total_force": (-GRADIENT, {"u": "hartree / bohr"}),
}
FILES: dict[str, Callable[..., dict[str, Any]]] = {
    "spice": lambda **change: {"m": SPICE | change},
    "ani1x": lambda **change: {"CH4": ANI | change},
    "transition1x": lambda **change: {"data": {"CH4": {"rxn": REACTION | change}}},
    "modelforge": lambda **change: {"m": RECORD | change},
}


@pytest.mark.parametrize(
    ("layout", "key", "unit", "name", "factor"),
    [
        ("spice", "conformations", "bohr", "positions", BOHR),
        ("spice", "conformations", "nanometers", "positions", 10.0),
        ("spice", "conformations", "Angstrom", "positions", 1.0),
        ("spice", "dft_total_energy", "hartree", "energy", HARTREE),
        ("spice", "dft_total_energy", b"kcal/mol", "energy", KCAL_MOL),
        ("spice", "dft_total_energy", ["eV"], "energy", 1.0),
        ("spice", "dft_total_gradient", "hartree/bohr", "forces", -HARTREE / BOHR),
        ("spice", "dft_total_gradient", "eV/Angstrom", "forces", -1.0),
        ("ani1x", "coordinates", "bohr", "positions", BOHR),
        ("ani1x", "wb97x_dz.energy", "eV", "energy", 1.0),
        ("ani1x", "wb97x_dz.forces", "Eh/bohr", "forces", HARTREE / BOHR),
        ("transition1x", "wB97x_6-31G(d).energy", "Ha", "energy", HARTREE),
        ("transition1x", "positions", "nm", "positions", 10.0),
        ("modelforge", "dft_total_energy", "kilocalorie_per_mole", "energy", KCAL_MOL),
    ],
)
def test_units_of_a_dataset_are_honoured(
    layout: str, key: str, unit: Any, name: str, factor: float, hdf5_file: Any, read_groups: Any
) -> None:
    source = {"spice": SPICE, "ani1x": ANI, "transition1x": REACTION, "modelforge": RECORD}[layout]
    values = source[key][0] if isinstance(source[key], tuple) else source[key]
    attribute = "u" if layout == "modelforge" else "units"
    path = hdf5_file(FILES[layout](**{key: (values, {attribute: unit})}))
    (group,) = read_groups(layout, path)
    expected = values[:, 0] if layout == "modelforge" else values
    np.testing.assert_allclose(getattr(group, name), expected * factor, rtol=1e-11)


def test_units_of_the_file_are_honoured(hdf5_file: Any, read_groups: Any, input_error: Any) -> None:
    path = hdf5_file(FILES["spice"]())
    with h5py.File(path, "a") as file:
        file.attrs["energy_unit"] = "eV"
    (group,) = read_groups("spice", path)
    np.testing.assert_array_equal(group.energy, ENERGY)
    np.testing.assert_array_equal(group.positions, POSITIONS * BOHR)
    with h5py.File(path, "a") as file:
        file["m"].attrs["energy_units"] = "hartree"
    with input_error("group 'm'", "unit of dft_total_energy", "'hartree'", "'eV'"):
        read_groups("spice", path)


UNITS_BESIDE: dict[str, tuple[dict[str, Any], dict[str, str], str, float]] = {
    "a dataset": ({"gradient_unit": "eV/A"}, {}, "forces", -1.0),
    "a dataset of the energy": ({"energy_units": "eV"}, {}, "energy", 1.0),
    "the unit first": ({}, {"units_energy": "kcal/mol"}, "energy", KCAL_MOL),
    "a capital": ({"dft_total_energy": (ENERGY, {"Units": "eV"})}, {}, "energy", 1.0),
    "by its own name": ({"dft_total_energy": (ENERGY, {"energy_unit": "eV"})}, {}, "energy", 1.0),
    "of all": ({}, {"Units": "eV, Angstrom"}, "forces", -1.0),
    "of all, for lengths": ({}, {"units": "eV and Angstrom"}, "positions", 1.0),
    "metal": ({}, {"unit_style": "metal"}, "energy", 1.0),
    "letters": ({}, {"E_unit": "eV"}, "energy", 1.0),
    "of the dataset before that of all": (
        {"dft_total_energy": (ENERGY, {"units": "hartree"})},
        {"units": "eV Å"},
        "energy",
        HARTREE,
    ),
    "the unit cell": ({"unit_cell": "none"}, {"unit_cell": "none"}, "energy", HARTREE),
}


@pytest.mark.parametrize("case", UNITS_BESIDE)
def test_units_beside_the_numbers_are_honoured(case: str, hdf5_file: Any, read_groups: Any) -> None:
    change, attributes, name, factor = UNITS_BESIDE[case]
    path = hdf5_file(FILES["spice"](**change))
    with h5py.File(path, "a") as file:
        file.attrs.update(attributes)
    (group,) = read_groups("spice", path)
    values = {"energy": ENERGY, "forces": GRADIENT, "positions": POSITIONS}[name]
    np.testing.assert_allclose(getattr(group, name), values * factor, rtol=1e-11)


def test_units_beside_the_groups(hdf5_file: Any, read_groups: Any, input_error: Any) -> None:
    path = hdf5_file(FILES["spice"]() | {"energy_unit": "eV"})
    with input_error("energy_unit is a dataset beside the groups", "attribute of the file"):
        read_groups("spice", path)
    end = REACTION | {"atomic_numbers": NUMBERS}
    path = hdf5_file(FILES["transition1x"](energy_unit="Ha", reactant=end))
    (group,) = read_groups("transition1x", path)
    np.testing.assert_allclose(group.energy, ENERGY * HARTREE**2, rtol=1e-11)
    for unit, key in (("furlong", "conformations"), ("eV", "dft_total_gradient")):
        path = hdf5_file(FILES["spice"]())
        with h5py.File(path, "a") as file:
            file.attrs["units"] = unit
        with input_error(f"unit of {key} is units = {unit!r}", "known: an"):
            read_groups("spice", path)


@pytest.mark.parametrize("layout", FILES)
@pytest.mark.parametrize("inner", [False, True])
def test_levels_of_theory_of_a_file(
    layout: str, inner: bool, hdf5_file: Any, read_groups: Any
) -> None:
    """As `e3d data label` writes it; that of a group itself comes before the file's."""
    path = hdf5_file(FILES[layout]())
    with h5py.File(path, "a") as file:
        file.attrs["level_of_theory"] = "PBE0/def2-SVP"
        file.attrs["sampling"] = "GFN2-xTB"
        if inner:
            next(iter(file.values())).attrs["level_of_theory"] = b"GFN2-xTB"
    (group,) = read_groups(layout, path)
    assert group.levels == (("level_of_theory", "GFN2-xTB" if inner else "PBE0/def2-SVP"),)


def test_charges_and_spins_of_a_group(hdf5_file: Any, read_groups: Any) -> None:
    def state(layout: str, **change: Any) -> tuple[int, int]:
        (group,) = read_groups(layout, hdf5_file(FILES[layout](**change)))
        return group.charge, group.multiplicity

    assert state("spice", charge=[0], multiplicity=np.full((3, 1), 3)) == (0, 3)
    assert state("spice", mbis_charges=np.zeros((3, 5, 1)), spin_square=[0, 0, 0]) == (None, None)
    assert state("ani1x", total_charge=-1) == (-1, 1)
    assert state("ani1x") == (0, 1)
    assert state("transition1x", charge=[1, 1, 1], spin=[2, 2, 2]) == (1, 2)
    assert state("spice", bader_charge=np.zeros(3), charges=np.ones((3, 5))) == (None, None)
    assert state("spice", n_electrons=[10, 10, 10]) == (None, None)
    assert state("transition1x", charge=1, spin=2, product=REACTION) == (1, 2)
    path = hdf5_file(FILES["transition1x"]())
    with h5py.File(path, "a") as file:
        file["data/CH4"].attrs.update(charge=-1, spin=2)
    (group,) = read_groups("transition1x", path)
    assert (group.charge, group.multiplicity) == (-1, 2)
    assert state("modelforge", total_charge=np.full((3, 1), -1.0)) == (-1, None)


def _sequences(kind: type) -> Any:
    """Return one sequence of any length, which HDF5 keeps as it keeps texts."""
    made = np.empty(1, dtype=h5py.vlen_dtype(kind))
    made[0] = np.arange(3, dtype=kind)
    return made


WRONG: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "unknown unit": ("spice", {"conformations": (POSITIONS, {"units": "furlong"})}, ["'furlong'"]),
    "unit of an energy": (
        "spice",
        {"dft_total_gradient": (GRADIENT, {"units": "hartree"})},
        ["unit of dft_total_gradient is units = 'hartree'"],
    ),
    "two units": (
        "spice",
        {"conformations": (POSITIONS, {"units": "bohr", "unit": "angstrom"})},
        ["'bohr'", "'angstrom'"],
    ),
    "empty unit": ("ani1x", {"coordinates": (POSITIONS, {"units": ""})}, ["units = ''"]),
    "no unit": ("modelforge", {"positions": POSITIONS}, ["unit of positions is not given"]),
    "complex": ("spice", {"conformations": POSITIONS.astype(complex)}, ["holds complex128"]),
    "complex forces": ("ani1x", {"wb97x_dz.forces": GRADIENT * 1j}, ["holds complex128"]),
    "flags": ("spice", {"dft_total_gradient": GRADIENT > 0}, ["holds bool"]),
    "half precision": ("spice", {"dft_total_energy": ENERGY.astype("f2")}, ["holds float16"]),
    "texts": ("spice", {"dft_total_energy": np.array([b"-40.5"] * 3)}, ["holds |S5"]),
    "a compound": ("spice", {"dft_total_energy": np.zeros(3, [("a", "f8")])}, ["holds [('a'"]),
    "half an element": ("spice", {"atomic_numbers": NUMBERS + 0.5}, ["6.5", "whole numbers"]),
    "half an element, ANI": ("ani1x", {"atomic_numbers": NUMBERS + 0.5}, ["6.5"]),
    "half an element, T1x": ("transition1x", {"atomic_numbers": NUMBERS + 0.5}, ["6.5"]),
    "no element": ("ani1x", {"atomic_numbers": NUMBERS + 200}, ["206", "1..118"]),
    "below all elements": ("transition1x", {"atomic_numbers": -NUMBERS}, ["-6", "1..118"]),
    "half a number": ("spice", {"sample_index": [0.0, 1.5, 2.0]}, ["sample_index holds 1.5"]),
    "nothing": ("spice", {"conformations": h5py.Empty("f4")}, ["has shape None"]),
    "one number": ("spice", {"dft_total_energy": -40.0}, ["has shape ()"]),
    "a number for a SMILES": ("spice", {"smiles": [5]}, ["smiles holds int64, expected a text"]),
    "sequences for a SMILES": (
        "spice",
        {"smiles": _sequences(np.uint8)},
        ["smiles holds sequences of any length"],
    ),
    "sequences for a charge": (
        "ani1x",
        {"charge": _sequences(np.int64)},
        ["charge holds sequences of any length"],
    ),
    "Latin-1": ("spice", {"smiles": np.array([b"C\xe9"])}, ["smiles", "no UTF-8"]),
    "a group for an array": ("spice", {"conformations": {}}, ["is a group, expected an array"]),
    "another charge": ("spice", {"charge": [-1]}, ["charge = -1", "SMILES"]),
    "half a charge": ("spice", {"charge": [0.5]}, ["charge = 0.5", "whole number"]),
    "several charges": ("spice", {"charge": [0, 1, 0]}, ["charge = array([0, 1])", "whole"]),
    "a flag for a charge": ("ani1x", {"charge": True}, ["charge = True"]),
    "unknown spin": ("spice", {"spin_state": [3]}, ["spin_state = ", "`multiplicity`"]),
    "a charge of each conformation": ("spice", {"charges": [-1, -1, 0]}, ["charges = -1 may be"]),
    "electrons of an ion": ("ani1x", {"nelec": [11] * 3}, ["nelec = 11", "10 protons"]),
    "an anion for a product": (
        "transition1x",
        {"product": REACTION | {"charge": -1, "multiplicity": 2}},
        ["rxn/product: charge and multiplicity are (-1, 2)", "(0, 1)"],
    ),
    "formal charges": ("spice", {"formal_charges": [-1, 0, 0, 0, 0]}, ["charge = -1", "SMILES"]),
    "a unit twice": (
        "spice",
        {"energy_unit": "eV", "dft_total_energy": (ENERGY, {"units": "hartree"})},
        ["units = 'hartree', energy_unit = 'eV'"],
    ),
    "charges that differ": (
        "modelforge",
        {"total_charge": np.zeros((3, 1)), "charge": [1]},
        ["charge = 1", "total_charge = 0"],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_would_be_read_wrongly_is_refused(
    case: str, hdf5_file: Any, read_groups: Any, input_error: Any
) -> None:
    layout, change, texts = WRONG[case]
    with input_error(*texts):
        read_groups(layout, hdf5_file(FILES[layout](**change)))


def _replace(file: h5py.File, link: Any, key: str = "m/conformations") -> None:
    if key in file:
        del file[key]
    file[key] = link


def _unwritten(file: h5py.File) -> None:
    for key, tail in (("conformations", (5, 3)), ("dft_total_energy", ())):
        del file[f"m/{key}"]
        file.create_dataset(f"m/{key}", shape=(10**8, *tail), dtype="f8", chunks=True)


def _virtual(file: h5py.File) -> None:
    there = h5py.VirtualLayout((3,), "f8")
    there[:] = h5py.VirtualSource("other.h5", "m/dft_total_energy", (3,))
    del file["m/dft_total_energy"]
    file.create_virtual_dataset("m/dft_total_energy", there)


def _raw(file: h5py.File) -> None:
    del file["m/dft_total_energy"]
    shape, there = (3,), [("raw.bin", 0, 24)]
    file.create_dataset("m/dft_total_energy", shape=shape, dtype="f8", external=there)


def _cycle(file: h5py.File) -> None:
    file["a"], file["b"] = h5py.SoftLink("/b"), h5py.SoftLink("/a")


def _through(file: h5py.File) -> None:
    file["m/beside"] = h5py.ExternalLink("other.h5", "/m")
    file["z"] = h5py.SoftLink("/m/beside")


LINKS: dict[str, tuple[Callable[[h5py.File], object], list[str]]] = {
    "group nowhere": (lambda f: _replace(f, h5py.SoftLink("/x"), "z"), ["'z' leads nowhere"]),
    "array nowhere": (lambda f: _replace(f, h5py.SoftLink("/x")), ["leads nowhere"]),
    "group elsewhere": (
        lambda f: _replace(f, h5py.ExternalLink("other.h5", "/m"), "z"),
        ["'z' leads to another file"],
    ),
    "array elsewhere": (
        lambda f: _replace(f, h5py.ExternalLink("other.h5", "/m/conformations")),
        ["leads to another file"],
    ),
    "elsewhere by two links": (_through, ["'z' leads to another file"]),
    "links in a circle": (_cycle, ["cannot be read", "too many"]),
    "group in itself": (lambda f: _replace(f, f["/"], "z"), ["group 'z'", "lacks"]),
    "values elsewhere": (_virtual, ["dft_total_energy has its values in another file"]),
    "raw values elsewhere": (_raw, ["dft_total_energy has its values in another file"]),
    "never written": (_unwritten, ["conformations has the shape (100000000", "never written"]),
    "a name of two lines": (
        lambda f: f.create_group("a\nb"),
        ["a\\\\nb", "lacks subset"],
    ),
}


@pytest.mark.parametrize("case", LINKS)
def test_links_and_arrays_that_are_not_there(
    case: str, hdf5_file: Any, read_groups: Any, input_error: Any
) -> None:
    change, texts = LINKS[case]
    hdf5_file(FILES["spice"](), "other.h5")
    path = hdf5_file(FILES["spice"]())
    (path.parent / "raw.bin").write_bytes(ENERGY.tobytes())
    with h5py.File(path, "a") as file:
        change(file)
    with input_error(str(path), *texts):
        read_groups("spice", path)


def test_links_within_the_file_are_followed(hdf5_file: Any, read_groups: Any) -> None:
    path = hdf5_file(FILES["spice"](energies={"first": ENERGY}))
    with h5py.File(path, "a") as file:
        _replace(file, h5py.SoftLink("/m/energies/first"), "m/dft_total_energy")
    (group,) = read_groups("spice", path)
    np.testing.assert_array_equal(group.energy, ENERGY * HARTREE)


def test_packed_arrays_are_read_and_their_damage_is_named(
    hdf5_file: Any, read_groups: Any, input_error: Any
) -> None:
    path = hdf5_file(FILES["spice"]())
    with h5py.File(path, "a") as file:
        del file["m/conformations"]
        packed = file["m"].create_dataset(
            "conformations", data=POSITIONS, compression="gzip", fletcher32=True
        )
        at = packed.id.get_chunk_info(0).byte_offset + 9
    (group,) = read_groups("spice", path)
    np.testing.assert_array_equal(group.positions, POSITIONS * BOHR)
    data = bytearray(path.read_bytes())
    data[at] ^= 255
    path.write_bytes(data)
    with input_error("group 'm', conformations: cannot be read", "fetch it again"):
        read_groups("spice", path)


HOLD = """
import os, sys, h5py
file = h5py.File(sys.argv[1], "a", libver="latest" if sys.argv[2] == "stop" else None)
if sys.argv[2] == "stop":
    file["b"] = [1.0]
    file.swmr_mode = True
    file.flush()
    os._exit(0)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_file_that_another_program_writes(hdf5_file: Any, input_error: Any) -> None:
    path = hdf5_file(FILES["spice"]())
    holder = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen([*holder, "hold"], stdin=-1, stdout=-1, text=True) as program:
        assert program.stdout is not None
        program.stdout.readline()
        with input_error(str(path), "locked: another program has it open", "Wait until"):
            open_hdf5(path)
        program.communicate("")
    open_hdf5(path).close()
    made = path.with_name("stopped.h5")
    subprocess.run([*holder[:3], str(made), "stop"], check=True)
    with input_error("stopped.h5", "marked as open for writing", "h5clear -s"):
        open_hdf5(made)


def test_reasons_of_hdf5(hdf5_file: Any, input_error: Any) -> None:
    path = hdf5_file(FILES["spice"]())
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    with input_error(f"truncated: it has {len(whole) - 5} of {len(whole)} bytes"):
        open_hdf5(path)
    path.write_bytes(b"<html>not found</html>")
    with input_error("not a readable HDF5 file (22 bytes; another format)", "`e3d data read FILE"):
        open_hdf5(path)


@pytest.mark.parametrize("layout", ["ani1x", "transition1x"])
def test_flipped_bytes_are_one_line_or_numbers(layout: str, hdf5_file: Any) -> None:
    """Without strings: libhdf5 itself may crash on damaged descriptions of these."""
    path = hdf5_file(FILES[layout]())
    whole = path.read_bytes()
    messages = []
    for seed in range(100):
        rng, data = random.Random(seed), bytearray(whole)
        for _ in range(rng.choice([1, 4, 16])):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data)
        try:
            list(check_groups(reader(layout)(path)))
        except InputError as error:
            messages.append(str(error))
    assert len(messages) > 10
    assert all(map(str.isprintable, messages)), messages
