"""JSON files of other people: NaN, keys twice, depth, encoding, cells and charges."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from e3d.store.files.json_stream import items, members
from layout_fixtures import dropped, frames

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("name", ["list.json", "list.json.gz", "lines.jsonl", "lines.jsonl.gz"])
def test_nan_where_nobody_reads_is_fine(
    name: str, matpes_record: Any, json_file: Any, read_groups: Any
) -> None:
    """Python writes NaN and Infinity where a number is not known."""
    records = [matpes_record(seed=k, formation_energy_per_atom=NAN, gap=-INF) for k in range(3)]
    lines = "".join(json.dumps(record) + "\n" for record in records)
    groups = read_groups("matpes", json_file(lines if "lines" in name else records, name))
    assert (frames(groups), dropped(groups)) == (3, {})
    assert groups[0].energy.tolist() == [-5.0, -6.0, -7.0]


def test_nan_where_nobody_reads_is_fine_in_mptrj(
    mptrj_frame: Any, json_file: Any, read_groups: Any
) -> None:
    records = {f"mp-1-0-{k}": mptrj_frame(seed=k, bandgap=NAN) for k in range(3)}
    assert frames(read_groups("mptrj", json_file({"mp-1": records}))) == 3


Spoil = Callable[[dict[str, Any]], object]


def _site(**change: Any) -> Spoil:
    return lambda made: made["structure"]["sites"][0].update(change)


def _lattice(**change: Any) -> Spoil:
    return lambda made: made["structure"]["lattice"].update(change)


def _set(**change: Any) -> Spoil:
    return lambda made: made.update(change)


def _structure(**change: Any) -> Spoil:
    return lambda made: made["structure"].update(change)


def _cube(edge: float) -> list[list[float]]:
    return [[edge, 0.0, 0.0], [0.0, edge, 0.0], [0.0, 0.0, edge]]


def _scaled_xyz(made: dict[str, Any]) -> None:
    for site in made["structure"]["sites"]:
        site["xyz"] = [x / 0.529177 for x in site["xyz"]]


WRONG: dict[str, tuple[Spoil, list[str]]] = {
    "nan energy": (_set(energy=NAN), ["energy", "not finite"]),
    "endless energy": (_set(energy=INF), ["energy", "not finite"]),
    "nan force": (_set(forces=[[NAN, 0, 0], [0, 0, 0]]), ["forces", "not finite"]),
    "nan stress": (_set(stress=[NAN, 0, 0, 0, 0, 0]), ["stress", "not finite"]),
    "nan position": (_site(abc=[NAN, 0, 0]), ["positions", "not finite"]),
    "text energy": (_set(energy="-5.0"), ["energy is no array of numbers"]),
    "flag energy": (_set(energy=True), ["energy is no array of numbers"]),
    "text forces": (_set(forces=[["0"] * 3] * 2), ["forces is no array of numbers"]),
    "flag forces": (_set(forces=[[True] * 3] * 2), ["forces is no array of numbers"]),
    "ragged forces": (_set(forces=[[0, 0, 0], [0, 0]]), ["forces is no array of numbers"]),
    "huge number": (_set(energy=-(10**400)), ["energy is no array of numbers"]),
    "text occupancy": (
        _site(species=[{"element": "Li", "occu": "all"}]),
        ["occu is no array of numbers"],
    ),
    "no site": (_structure(sites=[None, None]), ["lacks 'species'"]),
    "sites by name": (_structure(sites={"a": 1}), ["no sites"]),
    "no lattice": (_structure(lattice=[1]), ["lacks 'matrix'"]),
    "zero cell": (_lattice(matrix=_cube(0.0)), ["cell vector of no length"]),
    "flat cell": (_lattice(matrix=[[4, 0, 0], [8, 0, 0], [0, 0, 4]]), ["lie in one plane"]),
    "small cell": (_lattice(matrix=_cube(1.0)), ["0.5 Å^3 for each of 2 atoms"]),
    "huge cell": (_lattice(matrix=_cube(1e12)), ["cell vector of 1e+12 Å"]),
    "flags as texts": (_lattice(pbc=["T", "T", "T"]), ["lattice pbc is ['T', 'T', 'T']"]),
    "half a flag": (_lattice(pbc=[0.5, 1, 1]), ["lattice pbc is [0.5, 1, 1]"]),
    "two flags": (_lattice(pbc=[True, True]), ["lattice pbc is [True, True]"]),
    "flag for a charge": (_structure(charge=True), ["charge = True", "whole number"]),
    "charges that differ": (_set(total_charge=1), ["charge = 0 and total_charge = 1"]),
    "unknown charge": (_set(charge_state=1), ["charge_state = 1", "Rename"]),
    "hartree": (_set(energy_unit="Ha"), ["energy_unit is 'Ha', expected eV"]),
    "units by name": (_set(units={"energy": "Ha"}), ["units['energy'] is 'Ha'"]),
    "units of the structure": (_structure(length_unit="bohr"), ["length_unit is 'bohr'"]),
    "units of the lattice": (_lattice(unit="bohr"), ["unit is 'bohr'", "Å"]),
    "units of a site": (_site(coords_unit="nm"), ["coords_unit is 'nm'"]),
    "units among properties": (
        _structure(properties={"energy_unit": "Ha"}),
        ["energy_unit is 'Ha'"],
    ),
    "units among properties of sites": (_site(properties={"unit": "bohr"}), ["unit is 'bohr'"]),
    "units within units": (_set(units={"labels": {"energy": "Ha"}}), ["['energy'] is 'Ha'"]),
    "a charge among properties": (
        _structure(properties={"charge": -1}),
        ["charge = 0 and charge = -1"],
    ),
    "another number of elements": (_set(nelements=3), ["nelements is 3", "gives 2"]),
    "the unit first": (_set(unit_forces="Ha/bohr"), ["unit_forces is 'Ha/bohr'"]),
    "abc of another site": (_site(abc=[0.9, 0.1, 0.2]), ["site 0: abc and xyz are", "Å apart"]),
    "xyz in bohr": (_scaled_xyz, ["abc and xyz are", "one place"]),
    "another length": (_lattice(a=4.02), ["a is 4.02, the rest of the record gives 4 "]),
    "another angle": (_lattice(beta=90.0), ["beta is 90, the rest of the record gives 80.5"]),
    "another volume": (_lattice(volume=121.0), ["volume is 121, the rest of the record gives 120"]),
    "a volume in bohr": (_set(volume=809.8), ["volume is 809.8"]),
    "another number of sites": (_set(nsites=4), ["nsites is 4, the rest of the record gives 2"]),
    "another density": (_set(density=5.0), ["density is 5, the rest of the record gives 0.317"]),
    "another formula": (_set(formula_pretty="Li2O"), ["formula_pretty is Li2O", "LiO"]),
    "another composition": (_set(composition={"Li": 2, "O": 2}), ["composition is {'Li': 2"]),
    "another element": (_set(elements=["Na", "O"]), ["elements is ['Na', 'O']"]),
    "another system": (_set(chemsys="Li-O-P"), ["chemsys is Li-O-P"]),
    "another energy": (_set(energy_per_atom=-5.0), ["energy_per_atom is -5", "gives -2.5"]),
    "other forces": (_set(abs_forces=[0.0, 0.0]), ["abs_forces[0] is 0"]),
    "huge stress": (_set(stress=[1e6, 0, 0, 0, 0, 0]), ["stress of 1e+06 kbar", "at most 1.3e+03"]),
    "GPa": (_set(stress_unit="GPa"), ["stress_unit is 'GPa', expected kbar"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_would_be_read_wrongly_is_refused(
    case: str, matpes_record: Any, json_file: Any, read_groups: Any, input_error: Any
) -> None:
    spoil, texts = WRONG[case]
    made = matpes_record()
    spoil(made)
    with input_error(*texts):
        read_groups("matpes", json_file([made]))


@pytest.mark.parametrize(
    ("change", "texts"),
    [
        ({"energy_per_atom": -5.0}, ["energy_per_atom is -5, the rest of the record gives -2.5"]),
        ({"corrected_total_energy": -155.0}, ["corrected_total_energy is -155"]),
        ({"mp_id": "mp-2"}, ["mp_id is 'mp-2', and the frame stands under 'mp-1'"]),
        ({"stress": [[5, 9, 0], [0, 5, 0], [0, 0, 5]]}, ["not symmetric, component 12"]),
        ({"stress": [[-1e6, 0, 0], [0, 0, 0], [0, 0, 0]]}, ["stress of 1e+06 kbar"]),
    ],
)
def test_contradictions_in_mptrj(
    change: Any, texts: Any, mptrj_frame: Any, json_file: Any, read_groups: Any, input_error: Any
) -> None:
    with input_error("frame a", *texts):
        read_groups("mptrj", json_file({"mp-1": {"a": mptrj_frame(**change)}}))


def test_what_is_stated_twice_and_agrees(
    matpes_record: Any, mptrj_frame: Any, json_file: Any, read_groups: Any
) -> None:
    """Rounded, or of another cell: what programs write."""
    made = matpes_record(
        nsites=2,
        composition={"Li": 1.0, "O": 1.0},
        composition_reduced={"Li": 1.0, "O": 1.0},
        formula_pretty="LiO",
        formula_anonymous="AB",
        chemsys="Li-O",
        volume=120.0,
        energy_per_atom=NAN,
        bader_charges=[0.5, -0.5],
    )
    made["abs_forces"] = np.linalg.norm(made["forces"], axis=1).round(4).tolist()
    made["structure"]["formula"] = "Li1 O1"
    made["structure"]["lattice"] |= {"a": 4, "b": 5.0, "c": 6.083, "beta": 80.54, "volume": 120}
    site = made["structure"]["sites"][0]
    site["abc"], site["xyz"] = [x - 1 for x in site["abc"]], [round(x, 3) for x in site["xyz"]]
    assert frames(read_groups("matpes", json_file([made]))) == 1
    unknown = {"corrected_total_energy": NAN}
    for change in ({}, {"energy_per_atom": -2.5}, {"energy_per_atom": None}, unknown):
        assert frames(read_groups("mptrj", json_file({"mp-1": {"a": mptrj_frame(**change)}}))) == 1
    uncorrected = mptrj_frame()
    del uncorrected["corrected_total_energy"]
    assert frames(read_groups("mptrj", json_file({"mp-1": {"a": uncorrected}}))) == 1


def test_what_a_record_says_is_kept(matpes_record: Any, json_file: Any, read_groups: Any) -> None:
    made = matpes_record(stress_unit="kbar", units={"energy": "eV"}, total_spin=3, total_charge=-1)
    del made["structure"]["charge"]
    (group,) = read_groups("matpes", json_file([made]))
    assert (group.charge, group.multiplicity) == (-1, 3)
    lone = matpes_record("Li", stress=None)
    del lone["forces"]
    (group,) = read_groups("matpes", json_file([lone]))
    np.testing.assert_array_equal(group.forces, np.zeros((1, 1, 3)))


DEEP = 100_000
ONE = '[{"a": 1.5}]'
TEXTS: dict[str, tuple[str | bytes, list[str]]] = {
    "a key twice": ('[{"a": 1, "b": 2, "a": 3}]', ["'a' is there twice"]),
    "a key twice in a line": ('{"a": 1, "b": 2, "a": 3}\n', ["line 1", "'a' is there twice"]),
    "deep": ("[" * DEEP + "]" * DEEP, ["nested too deeply"]),
    "a deep item": ('[{"a": ' + "[" * DEEP + "]" * DEEP + "}]", ["nested too deeply"]),
    "a deep line": ('{"a": ' + "[" * DEEP + "]" * DEEP + "}\n", ["line 1", "recursion"]),
    "cut": (ONE[:-2], ["after 0 complete records", "delimiter"]),
    "cut at the end": (ONE[:-1], ["after 1 complete records", "found 'the end of the file'"]),
    "more after the end": (ONE + " x", ["expected 'the end', found 'x'"]),
    "two lists": (ONE + ONE, ["expected 'the end', found '['"]),
    "a comma too many": (ONE[:-1] + ",]", ["after 1 complete records", "Expecting value"]),
    "no comma": (ONE[:-1] + ONE[1:], ["expected ',', found '{'"]),
    "Latin-1": (b'[{"a": "\xe9"}]', ["no UTF-8"]),
    "Latin-1 in a line": (b'{"a": "\xe9"}\n', ["utf-8", "byte 0xe9"]),
    "UTF-16": (ONE.encode("utf-16"), ["not valid JSON", "no UTF-8"]),
    "too many digits": ("[" + "9" * 5000 + "]", ["limit"]),
    "not JSON": ("[{a: 1}]", ["Expecting property name"]),
}


@pytest.mark.parametrize("case", TEXTS)
def test_text_that_is_not_json_is_refused(case: str, tmp_path: Any, input_error: Any) -> None:
    text, texts = TEXTS[case]
    path = tmp_path / "source.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with input_error("source.json", "not valid JSON", *texts):
        list(items(path))


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ('{"a": 1, "b": [', ["after 1 complete records"]),
        ('{"a": 1}{}', ["expected 'the end', found '{'"]),
        ('{"a": 1, 2: 3}', ["expected a key in quotes, found '2'"]),
        ('{"a" 1}', ["expected ':', found '1'"]),
        ('{"a": ' * DEEP + "1" + "}" * DEEP, ["nested too deeply"]),
        ('{"a": {"b": 1, "b": 2}}', ["'b' is there twice"]),
    ],
)
def test_an_object_that_is_not_json_is_refused(
    text: str, texts: list[str], tmp_path: Any, input_error: Any
) -> None:
    (tmp_path / "source.json").write_text(text)
    with input_error("not valid JSON", *texts):
        list(members(tmp_path / "source.json"))


@pytest.mark.parametrize("window", [1, 2, 7, 64])
def test_windows_of_any_size_give_what_json_gives(
    window: int, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut anywhere: within numbers, names, escapes and letters of several bytes."""
    monkeypatch.setattr("e3d.store.files.json_stream._WINDOW", window)
    made = [
        *(-12.5e-3, 123456789, True, None, "", 'a "quoted" \\ é\n', "\U0001f9ea" * 9),
        *([], {}, [[1, [2, {"a": [3.0]}]]], {"key": "value" * 30, "ö": -INF}),
    ]
    path = tmp_path / "source.json"
    for indent, ascii_only in ((None, True), (2, False)):
        for head in (b"", b"\xef\xbb\xbf"):
            text = json.dumps(made, indent=indent, ensure_ascii=ascii_only)
            path.write_bytes(head + text.encode())
            assert list(items(path)) == made
            whole = {str(k): value for k, value in enumerate(made)}
            text = json.dumps(whole, indent=indent, ensure_ascii=ascii_only)
            path.write_bytes(head + text.encode())
            assert list(members(path)) == list(whole.items())
    for empty, read in (("[ ]", items), ("{\n}\n", members)):
        path.write_text(empty)
        assert list(read(path)) == []
