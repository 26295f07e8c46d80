"""Small unmutated inputs, and what stands in them, read without the program."""

import json
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import yaml

from e3d.units import BOHR_ANG, HARTREE_EV

ROOT = Path(__file__).parents[2]
ELEMENTS = {1, 6, 7, 8}
MINISPICE = ROOT / "resources" / "minispice.hdf5"
MORSE = {
    "r_max_ang": 5.0,
    "pairs": {
        f"{one}-{other}": {"depth_eV": 4.0, "length_ang": 1.2, "steepness_per_ang": 1.9}
        for k, one in enumerate("HCNO")
        for other in "HCNO"[k:]
    },
}


def write_morse(path: Path) -> Path:
    """Write a pair potential of H, C, N and O."""
    path.write_text(yaml.safe_dump(MORSE))
    return path


def write_spice(path: Path, groups: int = 16, frames: int = 4) -> Path:
    """Write some groups of H, C, N and O of the dataset that ships, a few frames of each."""
    with h5py.File(MINISPICE) as source, h5py.File(path, "w") as file:
        known = (name for name in source if set(source[name]["atomic_numbers"][()]) <= ELEMENTS)
        for name in islice(known, groups):
            group = file.create_group(name)
            for key, array in source[name].items():
                by_frame = array.shape[0] == source[name]["dft_total_energy"].shape[0]
                group.create_dataset(key, data=array[:frames] if by_frame else array[()])
                for attribute, value in array.attrs.items():
                    group[key].attrs[attribute] = value
    return path


def groups_of(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the groups of a file in the layout of SPICE as arrays."""
    with h5py.File(path) as file:
        for name in file:
            yield name, {key: array[()] for key, array in file[name].items()}


def write_ani1x(path: Path, source: Path) -> Path:
    """Write the frames of a SPICE-layout file in the layout of ANI-1x."""
    with h5py.File(path, "w") as file:
        for name, arrays in groups_of(source):
            group = file.create_group(name)
            group["atomic_numbers"] = arrays["atomic_numbers"].astype(np.uint8)
            group["coordinates"] = arrays["conformations"] * BOHR_ANG
            group["wb97x_dz.energy"] = arrays["dft_total_energy"]
            group["wb97x_dz.forces"] = -arrays["dft_total_gradient"] / BOHR_ANG
    return path


def write_transition1x(path: Path, source: Path) -> Path:
    """Write the frames of a SPICE-layout file in the layout of Transition1x."""
    with h5py.File(path, "w") as file:
        for k, (_, arrays) in enumerate(groups_of(source)):
            group = file.create_group(f"data/F{k}/rxn{k:04d}")
            group["atomic_numbers"] = arrays["atomic_numbers"]
            group["positions"] = arrays["conformations"] * BOHR_ANG
            group["wB97x_6-31G(d).energy"] = arrays["dft_total_energy"] * HARTREE_EV
            group["wB97x_6-31G(d).forces"] = -arrays["dft_total_gradient"] * HARTREE_EV / BOHR_ANG
    return path


def write_extxyz(path: Path, source: Path) -> Path:
    """Write the frames of a SPICE-layout file as an extended XYZ."""
    with path.open("w") as file:
        for _, arrays in groups_of(source):
            for k, energy in enumerate(arrays["dft_total_energy"]):
                positions = arrays["conformations"][k] * BOHR_ANG
                forces = -arrays["dft_total_gradient"][k] * HARTREE_EV / BOHR_ANG
                file.write(f"{len(positions)}\n")
                file.write(
                    "Properties=species:S:1:pos:R:3:forces:R:3 "
                    f'energy={energy * HARTREE_EV:.8f} pbc="F F F"\n'
                )
                for z, x, f in zip(arrays["atomic_numbers"], positions, forces, strict=True):
                    numbers = " ".join(f"{value:.6f}" for value in (*x, *f))
                    file.write(f"{ {1: 'H', 6: 'C', 7: 'N', 8: 'O'}[int(z)] } {numbers}\n")
    return path


def crystals() -> list[Any]:
    """Return strained and shaken crystals with EMT energies, forces and stress."""
    from ase.build import bulk
    from ase.calculators.emt import EMT

    rng = np.random.default_rng(0)
    found = []
    for name in ("Cu", "Ni", "Al", "Cu", "Ni", "Al"):
        atoms = bulk("Cu", "fcc", a=3.8, cubic=True)
        atoms.symbols[:] = name
        atoms.set_cell(atoms.cell * rng.uniform(0.97, 1.04), scale_atoms=True)
        atoms.positions += rng.normal(scale=0.08, size=(4, 3))
        atoms.calc = EMT()
        found.append(atoms)
    return found


def _structure(atoms: Any) -> dict[str, Any]:
    sites = [
        {"species": [{"element": s, "occu": 1}], "xyz": x.tolist(), "abc": f.tolist(), "label": s}
        for s, x, f in zip(
            atoms.symbols, atoms.positions, atoms.get_scaled_positions(wrap=False), strict=True
        )
    ]
    return {"lattice": {"matrix": atoms.cell.tolist()}, "sites": sites, "charge": 0}


def mptrj() -> dict[str, Any]:
    """Return a file in the layout of MPtrj."""
    content: dict[str, dict[str, Any]] = {}
    for k, atoms in enumerate(crystals()):
        content.setdefault(f"mp-{k // 2}", {})[f"{k}-0"] = {
            "structure": _structure(atoms),
            "uncorrected_total_energy": atoms.get_potential_energy(),
            "corrected_total_energy": atoms.get_potential_energy() - 1.0,
            "force": atoms.get_forces().tolist(),
            "stress": (atoms.get_stress(voigt=False) * -1602.1766).tolist(),
        }
    return content


def matpes() -> list[dict[str, Any]]:
    """Return a file in the layout of MatPES."""
    return [
        {
            "matpes_id": f"m{k}",
            "structure": _structure(atoms),
            "energy": atoms.get_potential_energy(),
            "forces": atoms.get_forces().tolist(),
            "stress": (atoms.get_stress() * -1602.1766).tolist(),
            "functional": "PBE",
            "elements": sorted(set(atoms.symbols)),
        }
        for k, atoms in enumerate(crystals())
    ]


def write_json(path: Path, content: Any) -> Path:
    """Write JSON as Python does, NaN included."""
    path.write_text(json.dumps(content))
    return path


def copied(path: Path, folder: Path) -> Path:
    """Copy a file into a folder."""
    return Path(shutil.copy(path, folder))


def store_arrays(path: Path) -> dict[str, bytes]:
    """Return the arrays of a store, and what it says of its energies."""
    with h5py.File(path) as file:
        arrays = {name: repr(array[()].tolist()).encode() for name, array in file.items()}
        kept = ("theory", "isolated_atom_energy_eV", "elements", "format")
        return arrays | {name: str(file.attrs[name]).encode() for name in kept}


def bonds_of(folder: Path) -> pd.DataFrame:
    """Return the bonds of all structures in a folder that `decompose` wrote."""
    return pd.concat([pd.read_parquet(path) for path in sorted(folder.rglob("bonds.parquet"))])
