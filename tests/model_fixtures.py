"""Fixtures that need torch: a small trained model and models built untrained."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from e3d.named_bonds import MOLECULES_FILE
from e3d.store.convert import write_store
from e3d.structures import Structure, from_file
from planning import PYTHONPATH
from study.data.split import write_splits
from study.data.subset import write_subset
from study.run_settings import Architecture, RunSettings, Training

if TYPE_CHECKING:  # torch is imported only by the tests that run a model
    from e3d.models import AnalysisModel

WORKFLOW = Path(__file__).parents[1] / "workflow"
RESOURCES = Path(__file__).parents[1] / "resources"
MINISPICE = RESOURCES / "minispice.hdf5"
MINISPICE_FRAMES = 1120
NAMED = MOLECULES_FILE


@dataclass(frozen=True)
class Prepared:
    """A dataset ready for training, and the function that writes a RUN.yaml for it."""

    folder: Path
    store: Path
    splits: Path
    subset: Path

    def run(self, name: str = "minispice/n16/tiny/s0", **training: Any) -> Path:
        architecture = Architecture(
            r_max=4.0,
            l_max=2,
            parity=True,
            num_layers=2,
            num_scalar_features=8,
            num_tensor_features=2,
            mlp_width=8,
            num_bessels=4,
            polynomial_cutoff_p=6,
        )
        defaults = {
            "steps": 60,
            "steps_per_epoch": 20,
            "batch_size": 4,
            "learning_rate": 0.01,
            "final_learning_rate_fraction": 0.1,
            "ema_decay": 0.9,
            "energy_weight": 1.0,
            "force_weight": 1.0,
        }
        dataset, frames, model, seed = name.split("/")
        settings = RunSettings(
            name,
            dataset,
            int(frames[1:]),
            model,
            int(seed[1:]),
            str(self.store),
            str(self.splits),
            str(self.subset),
            architecture,
            Training(**{**defaults, **training}),  # type: ignore[arg-type]
        )
        path = self.folder / f"{name.replace('/', '-')}.yaml"
        settings.write(path)
        return path


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Minispice as a store with splits and a subset of 16 frames."""
    folder = tmp_path_factory.mktemp("prepared")
    ready = Prepared(folder, folder / "store.h5", folder / "splits.parquet", folder / "n16.csv")
    write_store(MINISPICE, ready.store)
    write_splits(ready.store, ready.splits)
    write_subset(ready.store, ready.splits, ready.subset, n=16)
    return ready


@pytest.fixture(scope="session")
def trained(prepared: Prepared) -> Path:
    """Folder of a run trained for 60 steps by ``study train``: a trained model, if a poor one."""
    folder = prepared.folder / "trained"
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "study", "train", str(prepared.run()), "-o", str(folder)]
    subprocess.run(command, env=environment, check=True)
    return folder


@pytest.fixture(scope="session")
def model(trained: Path) -> "AnalysisModel":
    """The trained model, loaded for analysis."""
    from e3d.models import load_model

    return load_model(trained / "model.ckpt")


@pytest.fixture(scope="session")
def molecules() -> dict[str, Structure]:
    """The relaxed molecules of the named bonds, by SMILES."""
    return {structure.smiles: structure for structure in from_file(NAMED)}


@pytest.fixture
def build_model() -> Callable[..., Any]:
    """Build an untrained analysis model of H, C and O with given Allegro settings."""
    from allegro.model import AllegroModel
    from nequip.utils.global_state import set_global_state

    from e3d.models import AnalysisModel

    def build(**changes: Any) -> AnalysisModel:
        set_global_state()
        settings: dict[str, Any] = {
            "seed": 1,
            "model_dtype": "float64",
            "r_max": 4.0,
            "type_names": ["H", "C", "O"],
            "l_max": 1,
            "parity": True,
            "radial_chemical_embed": {
                "_target_": "allegro.nn.TwoBodyBesselScalarEmbed",
                "num_bessels": 4,
            },
            "num_layers": 1,
            "num_scalar_features": 8,
            "num_tensor_features": 2,
            "avg_num_neighbors": 5.0,
            "per_type_energy_scales": 2.0,
            "per_type_energy_shifts": {"H": -13.5, "C": -1030.0, "O": -2043.0},
        }
        return AnalysisModel(AllegroModel(**{**settings, **changes}), Path("untrained"), "cpu")

    return build


def random_rotation(seed: int, *, improper: bool = False) -> np.ndarray[Any, Any]:
    """Return a random orthogonal matrix (3, 3), of determinant -1 if ``improper``."""
    matrix, upper = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    matrix = matrix * np.sign(np.diag(upper))
    if (np.linalg.det(matrix) < 0) != improper:
        matrix = -matrix
    return matrix
