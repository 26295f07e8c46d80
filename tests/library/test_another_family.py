"""Another family of models with energies on edges: a class, and a line that says what loads it.

Every command of the library takes its files, and the study's stages that take a trained model.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import e3d
from e3d.cli import main
from e3d.edges import EdgeEnergies
from e3d.fields import MEANS_FILE, SUMMARY_FILE
from e3d.fields import Column as C
from e3d.graphs import Batch
from e3d.models import load
from e3d.named_bonds import BDE_FILE, ENERGIES_FILE
from e3d.potential import LoadedModel
from model_fixtures import NAMED, Prepared

SUFFIX = ".harmonic.json"
WELL = {"type_names": ["H", "C", "O"], "depth_eV": 4.0, "length_ang": 1.1}
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Harmonic(LoadedModel):
    """Springs between all atoms closer than a cutoff, half of each on either edge."""

    path: Path
    type_names: tuple[str, ...]
    depth_eV: float
    length_ang: float
    r_max: float = 1.7
    n_parameters: int = 2

    @property
    def facts(self) -> dict[str, str | int | float]:
        return {"kind": "springs", "r_max_ang": self.r_max}

    def edge_energies(self, batch: Batch) -> EdgeEnergies:
        i, j = batch.edge_index
        r = np.linalg.norm(batch.positions[i] - batch.positions[j], axis=1)
        eps = 0.5 * ((r - self.length_ang) ** 2 - self.depth_eV)
        total = np.bincount(batch.frame[i], weights=eps, minlength=len(batch.structures))
        return EdgeEnergies.of(batch, eps=eps, length=r, energy=total, shift=np.zeros(len(total)))

    def energies_and_forces(self, batch: Batch) -> tuple[Floats, Floats]:
        i, j = batch.edge_index
        vector = batch.positions[j] - batch.positions[i]
        r = np.linalg.norm(vector, axis=1, keepdims=True)
        forces = np.zeros_like(batch.positions)
        np.add.at(forces, i, 2 * (r - self.length_ang) * vector / r)
        return self.edge_energies(batch).energy, forces


def load_harmonic(path: Path, device: str) -> Harmonic:
    values = json.loads(path.read_text())
    return Harmonic(path, tuple(values.pop("type_names")), **values)


@pytest.fixture
def harmonic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of the family, and its line among the loaders."""
    monkeypatch.setattr(load, "LOADERS", {**load.LOADERS, SUFFIX: load_harmonic})
    path = tmp_path / f"model{SUFFIX}"
    path.write_text(json.dumps(WELL))
    return path


def test_its_files_are_decomposed(harmonic: Path, tmp_path: Path) -> None:
    arguments = [str(harmonic), str(NAMED), "--skip-unknown-elements", "-o", str(tmp_path)]
    assert main(["decompose", *arguments]) == 0
    means = pd.read_csv(tmp_path / "named-bonds" / MEANS_FILE)
    assert len(means)
    expected = WELL["depth_eV"] - (means[C.R] - WELL["length_ang"]) ** 2
    np.testing.assert_allclose(means[C.BOND_ENERGY], expected, atol=1e-8)
    summary = json.loads((tmp_path / "named-bonds" / SUMMARY_FILE).read_text())
    assert summary["n_parameters"] == 2
    assert summary[C.SUM_RULE] < 1e-8


def test_its_forces_are_the_slopes_of_its_energies(harmonic: Path) -> None:
    model = e3d.load(harmonic)
    [batch] = model.batches(s for s in e3d.structures.from_file(NAMED) if s.smiles == "CO")
    forces = model.energies_and_forces(batch)[1]
    assert np.abs(forces).max() > 0.01
    ends = []
    for sign in (1, -1):
        moved = batch.positions.copy()
        moved[1, 0] += sign * 1e-5
        ends.append(model.energies_and_forces(Batch(**{**vars(batch), "positions": moved}))[0][0])
    assert forces[1, 0] == pytest.approx(-(ends[0] - ends[1]) / 2e-5, abs=1e-6)


def test_its_errors_are_evaluated(harmonic: Path, prepared: Prepared, tmp_path: Path) -> None:
    output = tmp_path / "errors.csv"
    assert main(["evaluate", str(harmonic), str(prepared.store), "-o", str(output)]) == 0
    errors = pd.read_csv(output)
    assert (errors[C.N_PARAMETERS] == 2).all()
    assert np.isfinite(errors[C.FORCE_MAE]).all()


def test_the_study_says_that_its_rigidity_is_not_known(
    harmonic: Path, prepared: Prepared, root: Path, tmp_path: Path
) -> None:
    from study.gauge.rigidity import write_table

    means = tmp_path / "means.csv"
    means.touch()
    references = BDE_FILE, ENERGIES_FILE
    run, output = prepared.run("minispice/n16/harmonic/s0"), tmp_path / "s0.rigidity.csv"
    write_table(harmonic, prepared.store, prepared.subset, run, NAMED, means, *references, output)
    assert pd.read_csv(output).empty


def test_other_files_are_refused_with_the_suffixes_there_are(
    harmonic: Path, tmp_path: Path
) -> None:
    other = tmp_path / "model.onnx"
    other.touch()
    with pytest.raises(e3d.InputError, match=r"\.ckpt, \.nequip\.zip, .*\.harmonic\.json"):
        e3d.load(other)
