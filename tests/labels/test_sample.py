"""Sampling: the protocol's pairs, reproducibility, resuming, molecules that cannot be sampled."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import ase.io
import h5py
import numpy as np
import pytest

from e3d.chemistry import molecule
from e3d.connectivity import bonds_intact
from e3d.named_bonds import MOLECULES_FILE
from e3d.units import BOHR_ANG
from e3d_labels import each_molecule
from e3d_labels import sample as sampling
from e3d_labels.embed import embed, xtb
from e3d_labels.geometries import read_geometries
from e3d_labels.molecule_list import read_molecules
from e3d_labels.relax import relax
from e3d_labels.sample import Recipe, SamplingError, sample, sample_journal, sample_molecules
from planning import PYTHONPATH
from study.cli import main

Expect = Callable[..., AbstractContextManager[None]]
QUICK = Recipe(conformations=4, seed=3)
HOW = {"conformations": 4, "seed": 3}


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the dynamics of this process: 10 fs instead of 0.5 and 1 ps."""
    monkeypatch.setattr(sampling, "_HOT_STEPS", 10)
    monkeypatch.setattr(sampling, "_COLD_STEPS", 10)


def listed(folder: Path, text: str) -> Path:
    path = folder / "list.smi"
    path.write_text(text)
    return path


def energy(smiles: str, positions: Any) -> float:
    known = molecule(smiles)
    atoms = ase.Atoms(known.atomic_numbers, positions * BOHR_ANG)
    atoms.calc = xtb(known.charge, known.multiplicity)
    return float(atoms.get_potential_energy())


def test_pairs_are_numbered_as_in_spice_and_the_second_is_colder() -> None:
    made = sample("C", Recipe(conformations=6))
    assert made.index.tolist() == [0, 1, 2, 25, 26, 27]
    assert made.conformations.shape == (6, 5, 3)
    assert made.conformations.dtype == np.float32
    energies = [energy(made.smiles, positions) for positions in made.conformations.astype(float)]
    # nine vibrations at 500 K hold about 0.2 eV above those at 100 K
    assert np.mean(energies[:3]) > np.mean(energies[3:]) + 0.05, energies
    known = molecule(made.smiles)
    assert bonds_intact(
        made.conformations * BOHR_ANG, np.array(known.atomic_numbers), known.bond_index
    ).all()


def test_the_same_whatever_the_number_of_processes_and_the_other_molecules(tmp_path: Path) -> None:
    one, two = tmp_path / "one.hdf5", tmp_path / "two.hdf5"
    sample_molecules(listed(tmp_path, "[H][H]\n[OH-] hydroxide\n"), one, conformations=2, seed=0)
    sample_molecules(
        listed(tmp_path, "C#N\n[OH-] hydroxide\n[H][H]\n"), two, conformations=2, seed=0, jobs=2
    )
    with h5py.File(one) as first, h5py.File(two) as second:
        assert list(second) == ["C#N", "hydroxide", "[H][H]"]
        for name in first:
            for key in first[name]:
                np.testing.assert_array_equal(first[name][key][()], second[name][key][()])


@pytest.mark.usefixtures("short")
def test_another_seed_is_another_sample() -> None:
    first, again, other = (sample("CO", Recipe(2, seed)).conformations for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize(
    ("smiles", "charge", "multiplicity"),
    [("[NH4+]", 1, 1), ("[OH-]", -1, 1), ("[CH3]", 0, 2), ("[O][O]", 0, 3)],
)
def test_charge_and_spin_are_those_of_the_smiles(
    smiles: str, charge: int, multiplicity: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []
    minimum = sampling.lowest_minimum
    monkeypatch.setattr(
        sampling,
        "lowest_minimum",
        lambda frames, **how: asked.append(how) or minimum(frames, **how),
    )
    monkeypatch.setattr(each_molecule, "work", here)
    sample_molecules(listed(tmp_path, smiles), tmp_path / "out.hdf5", **HOW)
    assert asked == [{"charge": charge, "multiplicity": multiplicity}]
    (group,) = read_geometries(tmp_path / "out.hdf5")
    assert (group.charge, group.multiplicity) == (charge, multiplicity)


@pytest.mark.usefixtures("short")
def test_molecules_of_one_smiles_stand_side_by_side() -> None:
    """RDKit embeds each around the origin, one on top of the other."""
    mapped, (atoms,) = embed("O.O.[Cl-]", conformers=1, seed=1)
    known = molecule(mapped)
    assert bonds_intact(atoms.positions[None], atoms.numbers, known.bond_index).all()
    assert sample("O.O", QUICK).conformations.shape == (4, 6, 3)


def here(
    call: Callable[[Any], Any], items: list[Any], keep: Callable[[Any, Any], None], **_: Any
) -> None:
    """Stand in for processes: everything in this one."""
    for item in items:
        keep(item, call(item))


@pytest.mark.usefixtures("short")
def test_a_second_call_samples_only_what_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = sampling.sample
    monkeypatch.setattr(each_molecule, "work", here)
    monkeypatch.setattr(
        sampling, "sample", lambda smiles, recipe: asked.append(smiles) or real(smiles, recipe)
    )
    output = tmp_path / "out.hdf5"
    sample_molecules(listed(tmp_path, "O\n"), output, **HOW)
    sample_molecules(listed(tmp_path, "O\nN\n"), output, **HOW)
    assert asked == ["O", "N"]
    sample_molecules(listed(tmp_path, "O\nN\n"), output, **HOW | {"seed": 4})
    assert asked == ["O", "N", "O", "N"]


@pytest.mark.usefixtures("short")
def test_failures_are_reported_and_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(each_molecule, "work", here)
    real = sampling.lowest_minimum

    def fails_for_water(frames: Any, **how: Any) -> Any:
        if len(frames[0]) == 3:
            raise RuntimeError("SCF not converged\nin 250 cycles")
        return real(frames, **how)

    monkeypatch.setattr(sampling, "lowest_minimum", fails_for_water)
    report = sample_molecules(listed(tmp_path, "O\nN\n"), tmp_path / "out.hdf5", **HOW)
    assert report == {
        "molecules": 1,
        "conformations": 4,
        "failed": {"O": "SCF not converged in 250 cycles"},
    }
    (entry, _) = read_molecules(tmp_path / "list.smi")
    with sample_journal(tmp_path / "out.hdf5.journal", QUICK) as journal:
        assert journal.get(entry) == report["failed"]["O"], "kept: not tried again silently"


@pytest.mark.usefixtures("short")
def test_nothing_sampled_is_an_error_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, input_error: Expect
) -> None:
    monkeypatch.setattr(each_molecule, "work", here)
    monkeypatch.setattr(
        sampling, "bonds_intact", lambda positions, *_: np.zeros(len(positions), dtype=bool)
    )
    with input_error("no molecule was sampled", "4 of 4 frames"):
        sample_molecules(listed(tmp_path, "O\n"), tmp_path / "out.hdf5", **HOW)
    assert not (tmp_path / "out.hdf5").exists()


def test_atoms_that_fly_apart_fail_the_molecule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "HOT_K", 60000.0)
    monkeypatch.setattr(sampling, "_HOT_STEPS", 60)
    monkeypatch.setattr(sampling, "_COLD_STEPS", 10)
    with pytest.raises(SamplingError, match="bonds are not those"):
        sample("[H][H]", QUICK)


def test_a_molecule_without_embedding_is_refused(input_error: Expect) -> None:
    with input_error("cannot embed"):
        sample("[H]C12C3C4C1C5C2C3C45.C1=C2C3=C1C23", QUICK)


def test_the_list(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = "# molecules\nOC  wood alcohol # a name with a blank\nC#N\n\nCO again\nF/C=C/F\n"
    text += "CC=O |c:1,(0,.5,;1,2,)| ethanal\n"
    entries = read_molecules(listed(tmp_path, text))
    assert [(entry.smiles, entry.group) for entry in entries] == [
        ("CO", "wood alcohol"),
        ("C#N", "C#N"),
        ("F/C=C/F", "F%2FC=C%2FF"),  # a slash would be a group within a group
        ("CC=O", "ethanal"),
    ]
    assert "line 5: CO was there before" in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("C\nC(\n", "list.smi line 2: SMILES 'C('"),
        ("CC |^1:0| ethyl\n", "line 1: CC has the extension |^1:0|, which may make it another"),
        ("CCO |$;;R$|\n", "the extension |$;;R$|"),
        ("C gas\nN gas\n", "line 2: 'gas' names another molecule on line 1"),
        ("# nothing\n", "holds no molecules"),
    ],
)
def test_a_bad_list_is_one_line(
    text: str, message: str, tmp_path: Path, input_error: Expect
) -> None:
    with input_error(message):
        read_molecules(listed(tmp_path, text))


@pytest.mark.parametrize("conformations", [0, 3, 52])
def test_numbers_without_room_for_pairs_are_refused(
    conformations: int, input_error: Expect
) -> None:
    with input_error(f"conformations = {conformations}", "even number from 2 to 50"):
        Recipe(conformations)


def test_relaxed_named_bonds_are_what_they_were(root: Path) -> None:
    shipped = {frame.info["name"]: frame for frame in ase.io.read(MOLECULES_FILE, index=":")}
    for name in ("C=O", "CS"):
        made = relax(name)
        assert made.info["smiles"] == shipped[name].info["smiles"]
        # the file has 8 decimals; another tblite may stop elsewhere within the force tolerance
        np.testing.assert_allclose(made.positions, shipped[name].positions, atol=1e-4)


def test_the_command_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    molecules, output = listed(tmp_path, "[H][H]\n"), tmp_path / "out.hdf5"
    assert main(["data", "sample", str(molecules), "--conformations", "2", "-o", str(output)]) == 0
    assert len(read_geometries(output)[0]) == 2
    assert main(["data", "sample", str(molecules), "--conformations", "7", "-o", str(output)]) == 2
    assert capfd.readouterr().err.splitlines()[-1].startswith("e3d: error: conformations = 7")


def test_sampling_loads_neither_torch_nor_pyscf(root: Path) -> None:
    heavy = "('torch', 'pyscf', 'tblite')"
    code = "import sys, e3d_labels.sample, e3d_labels.labelling; "
    code += f"print([m for m in {heavy} if m in sys.modules])"
    environment = {"PYTHONPATH": PYTHONPATH}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
