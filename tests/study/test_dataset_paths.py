"""From the file of every dataset in ``datasets.yaml`` to a store, a subset and a step of training.

The files are small ones in the dataset's own layout: minispice's frames in the layouts of
molecules, crystals with ASE's EMT potential in those of materials.
"""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ase.io
import h5py
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from e3d import tables
from e3d.decomposition.tables import write_decompositions
from e3d.evaluate import write_errors
from e3d.fields import POOL, TEST_MOLECULES, Column
from e3d.fields import Store as F
from e3d.models import load_model
from e3d.options import read_yaml
from e3d.store.convert import write_store
from e3d.store.reader import StoreReader
from e3d.store.splits import frames_of
from e3d.theory import AIMNET2, GFN2
from e3d.units import BOHR_ANG, HARTREE_EV
from e3d_labels.labelling import label_file
from model_fixtures import MINISPICE, Prepared
from study.cli import main
from study.data.entries import read_options
from study.data.split import write_splits
from study.data.subset import write_subset
from study.run_settings import RunSettings
from study.schema import validate
from study.train.feed import StoreDataset
from study.train.pack import neighbours
from study.train.render import render, statistics
from study.train.training import train

SPLIT = {"test_molecules": 0.2, "test_conformations": 0.2, "validation": 0.15}
RUN = {"run": "x/n12/tiny/s0", "dataset": "x", "n_train": 12, "model": "tiny", "seed": 0}


def minispice_groups(elements: set[int]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the groups of minispice that are made of ``elements``."""
    with h5py.File(MINISPICE) as file:
        for name in file:
            arrays = {key: file[name][key][()] for key in file[name]}
            if set(arrays["atomic_numbers"].tolist()) <= elements:
                yield name, arrays


def crystals() -> list[Atoms]:
    """Return strained and shaken alloys of Cu, Ni and Al with EMT energies, forces and stress."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(
        5
    ):  # frames that follow each other differ in composition: each is a group of its own
        for symbols in (
            "Cu",
            "Ni",
            "Al",
            "CuNi",
            "CuAl",
            "NiAl",
            "Cu3Ni",
            "Ni3Al",
            "Cu3Al",
            "CuAl3",
        ):
            atoms = bulk("Cu", "fcc", a=3.8, cubic=True)
            atoms.symbols[:] = (list(Atoms(symbols).symbols) * 4)[:4]
            atoms.set_cell(atoms.cell * rng.uniform(0.97, 1.04), scale_atoms=True)
            atoms.positions += rng.normal(scale=0.08, size=(4, 3))
            atoms.calc = EMT()
            atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()
            found.append(atoms)
    return found


def write_spice(path: Path) -> Path:
    return MINISPICE


def write_labels(path: Path, theory: str) -> Path:
    label_file(MINISPICE, path, theory=theory)
    return path


def write_modelforge(path: Path) -> Path:
    kilojoule = 2625.4996394799
    plain = path.with_suffix("")
    with h5py.File(plain, "w") as file:
        for name, arrays in minispice_groups({1, 6, 7, 8}):
            group = file.create_group(name)
            m = len(arrays["dft_total_energy"])
            for key, value, unit in (
                ("atomic_numbers", arrays["atomic_numbers"][:, None], "dimensionless"),
                ("positions", arrays["conformations"] * BOHR_ANG / 10, "nanometer"),
                (
                    "dft_total_energy",
                    arrays["dft_total_energy"][:, None] * kilojoule,
                    "kilojoule_per_mole",
                ),
                (
                    "dft_total_force",
                    -arrays["dft_total_gradient"] * kilojoule / BOHR_ANG * 10,
                    "kilojoule_per_mole / nanometer",
                ),
                ("total_charge", np.zeros((m, 1)), "elementary_charge"),
            ):
                group[key] = value
                group[key].attrs["u"] = unit
            group["smiles"] = arrays["smiles"][0]
    path.write_bytes(gzip.compress(plain.read_bytes(), compresslevel=1))
    return path


def write_ani1x(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        for k, (name, arrays) in enumerate(minispice_groups({1, 6, 7, 8})):
            group = file.create_group(f"{name}-{k}")
            group["atomic_numbers"] = arrays["atomic_numbers"].astype(np.uint8)
            group["coordinates"] = arrays["conformations"] * BOHR_ANG
            group["wb97x_dz.energy"] = arrays["dft_total_energy"]
            group["wb97x_dz.forces"] = -arrays["dft_total_gradient"] / BOHR_ANG
    return path


def write_transition1x(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        for k, (_, arrays) in enumerate(minispice_groups({1, 6, 7, 8})):
            formula = Atoms(arrays["atomic_numbers"]).get_chemical_formula()
            for part in range(3):  # three reactions
                rows = slice(part * 2, part * 2 + 2)
                group = file.create_group(f"data/{formula}/rxn{k:03d}{part}")
                group["atomic_numbers"] = arrays["atomic_numbers"]
                group["positions"] = arrays["conformations"][rows] * BOHR_ANG
                group["wB97x_6-31G(d).energy"] = arrays["dft_total_energy"][rows] * HARTREE_EV
                group["wB97x_6-31G(d).forces"] = (
                    -arrays["dft_total_gradient"][rows] * HARTREE_EV / BOHR_ANG
                )
    return path


def write_extxyz(path: Path) -> Path:
    ase.io.write(path, crystals(), format="extxyz")
    return path


def _structure(atoms: Atoms) -> dict[str, Any]:
    sites = [
        {"species": [{"element": s, "occu": 1}], "xyz": x.tolist(), "abc": f.tolist(), "label": s}
        for s, x, f in zip(
            atoms.symbols, atoms.positions, atoms.get_scaled_positions(wrap=False), strict=True
        )
    ]
    return {"lattice": {"matrix": atoms.cell.tolist()}, "sites": sites, "charge": 0}


def write_mptrj(path: Path) -> Path:
    content: dict[str, dict[str, Any]] = {}
    for k, atoms in enumerate(crystals()):
        content.setdefault(f"mp-{k // 2}", {})[f"{k}-0"] = {
            "structure": _structure(atoms),
            "uncorrected_total_energy": atoms.get_potential_energy(),
            "corrected_total_energy": atoms.get_potential_energy() - 1.0,
            "force": atoms.get_forces().tolist(),
            "stress": (atoms.get_stress(voigt=False) * -1602.1766).tolist(),
        }
    path.write_text(json.dumps(content))
    return path


def write_matpes(path: Path) -> Path:
    records = [
        {
            "matpes_id": f"m{k}",
            "structure": _structure(atoms),
            "energy": atoms.get_potential_energy(),
            "forces": atoms.get_forces().tolist(),
            "stress": (atoms.get_stress() * -1602.1766).tolist(),
            "functional": "r2SCAN" if "R2SCAN" in path.name else "PBE",
            "elements": sorted(set(atoms.symbols)),
        }
        for k, atoms in enumerate(crystals())
    ]
    path.write_bytes(gzip.compress(json.dumps(records).encode()))
    return path


def write_atoms(path: Path) -> str:
    """Write single atoms of no energy as MatPES does its own."""
    records = [
        {
            "structure": _structure(Atoms(s, cell=np.eye(3) * 20)),
            "energy": 0.0,
            "forces": [[0.0] * 3],
            "functional": "r2SCAN",
        }
        for s in ("Cu", "Ni", "Al")
    ]
    path.write_text(json.dumps(records))
    return str(path)


TESTS = {"spice2-real"}
"""Datasets of test frames alone: no training step is made of them."""
WRITERS: dict[str, Callable[[Path], Path]] = {
    "spice": write_spice,
    "modelforge": write_modelforge,
    "ani1x": write_ani1x,
    "transition1x": write_transition1x,
    "mptrj": write_mptrj,
    "matpes": write_matpes,
}
ENTRIES = {
    name: entry
    for name, entry in validate(
        read_yaml(Path(__file__).parents[2] / "config" / "datasets.yaml"), "datasets"
    ).items()
    if "layout" in entry and name not in TESTS
}


def to_subset(source: Path, folder: Path, entry: dict[str, Any]) -> Prepared:
    """Go from a file to a subset of 12 training frames."""
    ready = Prepared(folder, folder / "store.h5", folder / "splits.parquet", folder / "n12.csv")
    assert main(["data", "read", str(source), *read_options(entry), "-o", str(ready.store)]) == 0
    write_splits(ready.store, ready.splits, **SPLIT)
    write_subset(ready.store, ready.splits, ready.subset, n=12)
    return ready


def settings_of(ready: Prepared) -> RunSettings:
    """Return the settings of a small run on the subset."""
    values = read_yaml(ready.run("x/n12/tiny/s0", steps=20, steps_per_epoch=10))
    return RunSettings.from_dict(values)


def one_step(ready: Prepared) -> float:
    """Build data and model as nequip-train would, and return the loss of a first batch."""
    import torch
    from hydra.utils import instantiate
    from nequip.utils.global_state import set_global_state

    set_global_state()
    run = settings_of(ready)
    config = render(
        run, statistics(ready.store, ready.splits, run.architecture.r_max), ready.folder, {}
    )
    dataset = instantiate(config["data"]["train_dataset"])
    assert isinstance(dataset, StoreDataset)
    batch = dataset.batches(np.arange(8), 8)[0]
    model = instantiate(config["training_module"]["model"], _recursive_=False, _convert_="all")
    out = model(dict(batch))
    error = sum((out[key] - batch[key]).square().mean() for key in ("forces", "total_energy"))
    error.backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert gradients
    assert all(torch.isfinite(g).all() for g in gradients)
    return float(error.detach())


@pytest.mark.parametrize("name", ENTRIES)
def test_every_dataset_goes_from_its_file_to_a_training_step(name: str, tmp_path: Path) -> None:
    entry = dict(ENTRIES[name])
    if "isolated_atoms" in entry:
        entry["isolated_atoms"] = write_atoms(tmp_path / "atoms.json")
    path, theory = tmp_path / Path(entry["path"]).name, entry["theory"]
    labelled = theory in (GFN2.name, AIMNET2)
    source = write_labels(path, theory) if labelled else WRITERS[entry["layout"]](path)
    ready = to_subset(source, tmp_path, entry)
    with StoreReader(ready.store) as reader:
        assert len(reader) > 40
    assert np.isfinite(one_step(ready))


def test_the_frames_of_spice_are_read_whole(root: Path, tmp_path: Path) -> None:
    """Labels of SPICE itself: atomisation energies of molecules, forces of thermal geometries."""
    store = tmp_path / "store.h5"
    write_store(root / "resources" / "spice2_real.xyz", store, layout="extxyz")
    with StoreReader(store) as reader:
        assert len(reader) == 357
        assert not reader[F.IONIC].any()
        assert reader[F.INTACT].mean() > 0.99
        per_atom = reader[F.BINDING_ENERGY] / np.diff(reader.frame_ptr)
        assert (per_atom > -6).all()
        assert (per_atom < -1).all()
        assert 0.1 < np.abs(reader[F.FORCES]).mean() < 2


@pytest.fixture(scope="module")
def metals(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Crystals from an extended-XYZ file of one's own, up to the subset."""
    folder = tmp_path_factory.mktemp("metals")
    entry = {
        "layout": "extxyz",
        "theory": "EMT",
        "isolated_atom_energy_eV": {"Cu": 0.0, "Ni": 0.0, "Al": 0.0},
        "include_ionic": False,
    }
    return to_subset(write_extxyz(folder / "metals.xyz"), folder, entry)


@pytest.fixture(scope="module")
def metal_model(metals: Prepared) -> Path:
    """A model trained on the crystals by nequip-train."""
    run = settings_of(metals)
    path = metals.run("x/n12/tiny/s0", steps=20, steps_per_epoch=10)
    assert run.n_train == 12
    train(path, metals.folder / "trained", device="cpu")
    return metals.folder / "trained" / "model.ckpt"


def test_neighbour_lists_cross_the_cell(metals: Prepared) -> None:
    """An fcc atom has 12 neighbours, also in a cell of four atoms."""
    with StoreReader(metals.store) as reader:
        frames = [reader.frame(f) for f in range(len(reader))]
        counts = [
            len(neighbours(frame.positions, frame.cell, frame.pbc, 3.2)[0]) / 4 for frame in frames
        ]
        assert F.STRESS in reader
    assert 11 < np.mean(counts) < 13


def test_crystals_are_trained_on_evaluated_and_decomposed(
    metals: Prepared, metal_model: Path
) -> None:
    model = load_model(metal_model)
    errors = write_errors(
        model, [metals.store], metals.folder / "errors.csv", splits=metals.splits, run=RUN
    )
    assert np.isfinite(errors[Column.FORCE_MAE]).all()
    write_decompositions(
        model, [metals.store], metals.folder / "out", run=RUN, splits=metals.splits
    )
    folder = metals.folder / "out" / TEST_MOLECULES
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["sum_rule_max_abs_eV"] < 1e-8
    assert summary["frames"] == len(frames_of(metals.splits, TEST_MOLECULES))
    bonds = tables.read(folder / "bonds.parquet")
    assert (bonds[[Column.S_X, Column.S_Y, Column.S_Z]] != 0).any(axis=1).mean() > 0.3, (
        "pairs with cell shifts"
    )
    assert bonds[Column.BOND_TYPE].str.contains("~").all(), (
        "no SMILES: bonded by distance, of unknown order"
    )
    per_atom = 2 * len(bonds) / (4 * summary["frames"])
    assert 6 < per_atom <= 13


def test_a_crystals_pairs_add_up_to_its_binding_energy(metals: Prepared, metal_model: Path) -> None:
    """Sum of D over all pairs of the cell = minus the model's binding energy."""
    from e3d.pairs import pair_up
    from e3d.structures import from_store

    model = load_model(metal_model)
    with StoreReader(metals.store) as reader:
        structures = list(from_store(reader, frames_of(metals.splits, POOL)[:5]))
    edges = model.edge_energies(structures)
    pairs = pair_up(edges)
    total = np.bincount(pairs.frame, weights=pairs.bond_energy, minlength=len(structures))
    np.testing.assert_allclose(total, edges.shift - edges.energy, atol=1e-8)
