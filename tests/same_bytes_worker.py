"""Digests of all numbers of models and of what they give, in a process of its own.

python same_bytes_worker.py CHECKPOINT...
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from ase import Atoms

from e3d.models import AnalysisModel, load_model
from e3d.named_bonds import MOLECULES_FILE
from e3d.structures import Structure, from_file, structures_of


def digest(array: np.ndarray[Any, Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def numbers(model: AnalysisModel) -> Iterator[tuple[str, str]]:
    """Yield every tensor of a network, registered or not, and every float that its modules keep."""
    network: torch.nn.Module = model._model
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        yield name, digest(tensor.detach().numpy())
    for name, module in network.named_modules():
        for key, value in vars(module).items():
            if isinstance(value, torch.Tensor):
                yield f"{name}.{key}", digest(value.detach().numpy())
            elif isinstance(value, float):
                yield f"{name}.{key}", value.hex()


def results(model: AnalysisModel, structures: list[Structure]) -> Iterator[tuple[str, str]]:
    """Yield the energies, forces and edge energies of structures."""
    energies, forces = model.energies_and_forces(structures)
    yield "energies", digest(energies)
    yield "forces", digest(forces)
    yield "eps", digest(model.edge_energies(structures).eps)


def crystals() -> list[Structure]:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(3):
        cell = 4 * np.eye(3) + rng.normal(scale=0.3, size=(3, 3))
        atoms = Atoms("HCOHH", scaled_positions=rng.uniform(size=(5, 3)), cell=cell, pbc=True)
        found += structures_of(atoms)
    return found


def main(checkpoints: list[str]) -> None:
    found = {}
    for path in checkpoints:
        model = load_model(path)
        molecules = [one for one in from_file(MOLECULES_FILE) if model.knows(one)]
        parts = {
            "": numbers(model),
            "molecules": results(model, molecules),
            "crystals": results(model, crystals()),
        }
        for what, part in parts.items():
            found |= {f"{path} {what} {name}": value for name, value in part}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
