"""An Allegro model that ``nequip-compile --mode torchscript`` made (``.nequip.pth``).

A script holds the modules of its network with all numbers, but float32 is fixed in its code. So
the network is built anew in float64 from what the modules say of themselves, takes the script's
weights, and must give the script's energies.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from nequip.data import AtomicDataDict as Key

from e3d.errors import InputError, one_line
from e3d.models.analysis import AnalysisModel, analysis_model
from e3d.models.building import eager
from e3d.models.edge_terms import Readout
from e3d.models.families import require_allegro
from e3d.models.older_versions import build_allegro, current_names
from e3d.models.script_settings import script_settings
from e3d.models.weights import put_weights

_TOLERANCE: Final = 1e-5
"""Largest difference from the script, as a share of the largest energy; scripts in float32 of
nequip-allegro 0.4 to 0.8 are within 5e-7."""

_SPACING: Final = 0.4
"""Distance of neighbours in the test cluster, as a share of the cutoff."""


def load_torchscript(path: Path, device: str) -> AnalysisModel:
    """Return the model of a TorchScript file, built anew in float64.

    The script is loaded and run once. That executes no Python of the file, but TorchScript can call
    any operator of PyTorch, and PyTorch's own advice is to treat it as code: load what you trust.

    Raises
    ------
    InputError
        If the file is no script of an Allegro model, if a part of it cannot be built anew, or if
        the network that was built gives other energies than the script.
    """
    require_allegro(path)
    with eager(path):
        script, dtype = _read(path)
        scripted = getattr(script.model, "func", script.model)
        network = build_allegro(script_settings(scripted, path))
        tensors = dict(script.named_parameters()) | dict(script.named_buffers())
        put_weights(network, current_names(tensors), path)
        _compare(script, network, path)
    source = {"kind": "TorchScript of nequip-compile", "trained_in": dtype}
    return analysis_model(network, path, device, source)


def _read(path: Path) -> tuple[Any, str]:
    """Return the script, and the dtype that ``nequip-compile`` noted."""
    notes = {"model_dtype": b""}
    with warnings.catch_warnings():  # torch 2.13 warns of every use of torch.jit
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            script: Any = torch.jit.load(str(path), "cpu", notes)  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            raise InputError(
                f"{path}: PyTorch cannot read it as TorchScript ({one_line(error)}). "
                "Compile or copy the file again, or give the checkpoint that it was compiled from."
            ) from error
    return script.eval(), notes["model_dtype"].decode() or "not stated"


def _compare(script: Any, network: Any, path: Path) -> None:
    """Refuse a network whose energies of edges and atoms are not the script's."""
    data = _cluster(len(network.type_names), float(network.metadata["r_max"]))
    shifts = Readout.of(network.model.func, len(network.type_names), path).shifts(
        data[Key.ATOM_TYPE_KEY]
    )
    theirs, ours = (_energies(model, data, shifts) for model in (script, network))
    for name, expected in theirs.items():
        difference = float((ours[name] - expected).abs().max() / expected.abs().max())
        if not difference <= _TOLERANCE:
            raise InputError(
                f"{path}: the network built from it gives other energies than the script itself: "
                f"they differ by {difference:.1g} of the largest energy of {name}, allowed are "
                f"{_TOLERANCE:.0e}. Give the checkpoint or package that it was compiled from."
            )


def _energies(
    model: Any, data: Mapping[str, torch.Tensor], shifts: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Return the energies of edges and, without their shifts, of atoms."""
    out = model(dict(data))
    found = {
        "edges": out[Key.EDGE_ENERGY_KEY],
        "atoms": out[Key.PER_ATOM_ENERGY_KEY].view(-1) - shifts,
    }
    return {name: tensor.detach().double() for name, tensor in found.items()}


def _cluster(n_types: int, r_max: float) -> dict[str, torch.Tensor]:
    """Return atoms of all types on a cubic lattice, all moved a little, as nequip takes them."""
    side = int(np.ceil(max(8, 2 * n_types) ** (1 / 3)))
    lattice = np.stack(np.meshgrid(*[np.arange(side)] * 3), axis=-1).reshape(-1, 3)
    moved = lattice + np.random.default_rng(0).uniform(-0.1, 0.1, lattice.shape)
    positions = torch.from_numpy(_SPACING * r_max * moved)
    distances = torch.cdist(positions, positions)
    close = (distances < r_max) & (distances > 0)
    return {
        Key.POSITIONS_KEY: positions,
        Key.EDGE_INDEX_KEY: torch.stack(torch.where(close)),
        Key.ATOM_TYPE_KEY: torch.arange(len(positions)) % n_types,
    }
