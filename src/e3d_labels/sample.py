"""Sample conformations of small molecules by GFN2-xTB: as SPICE does its monomers, or in seconds.

Dynamics, as SPICE: RDKit embedding, relaxation, Langevin dynamics at 500 K with a frame every 0.5
ps; from each of these frames a few steps of FIRE and 1 ps at 100 K give its partner. Protocol:
Eastman et al., Sci. Data 10, 11 (2023), doi:10.1038/s41597-022-01882-6, in the short form of
``resources/README.md``. Normal modes: displacements from the relaxed structure, with the spread of
the same two temperatures (:mod:`e3d_labels.normal_modes`).
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ase import Atoms, units
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta
from ase.optimize import FIRE
from numpy.typing import NDArray

from e3d import provenance
from e3d.chemistry import molecule
from e3d.connectivity import bonds_intact
from e3d.errors import InputError
from e3d.store.layouts.spice import PAIR_STRIDE
from e3d.units import BOHR_ANG
from e3d_labels.each_molecule import compute_each
from e3d_labels.embed import embed, lowest_minimum
from e3d_labels.geometries import new_file, write_group
from e3d_labels.journal import Journal
from e3d_labels.molecule_list import Entry, read_molecules
from e3d_labels.programs import require

log = logging.getLogger(__name__)

HOT_K, COLD_K = 500.0, 100.0
_STEP_FS = 1.0
_FRICTION_PER_FS = 0.01
_HOT_STEPS = 500  # 0.5 ps between two hot frames
_COLD_STEPS = 1000  # 1 ps
_FIRE_STEPS = 5
_MAX_BROKEN = 0.5


@dataclass(frozen=True)
class Recipe:
    """What a molecule's sample depends on besides the molecule."""

    conformations: int = 2 * PAIR_STRIDE
    seed: int = 0
    method: Literal["dynamics", "normal-modes"] = "dynamics"

    def __post_init__(self) -> None:
        """Refuse numbers the pairs i and i + 25 leave no room for."""
        if self.conformations % 2 or not 2 <= self.conformations <= 2 * PAIR_STRIDE:
            raise InputError(
                f"conformations = {self.conformations} - an even number from 2 to "
                f"{2 * PAIR_STRIDE} is needed, since conformation i + {PAIR_STRIDE} is made from "
                "conformation i. Change --conformations."
            )


@dataclass(frozen=True)
class Sample:
    """Conformations of the molecule ``smiles`` (mapped).

    ``conformations`` (M, N, 3) in float32, bohr; ``index`` (M,) is the number of each.
    """

    smiles: str
    conformations: NDArray[np.float32]
    index: NDArray[np.int64]


class SamplingError(RuntimeError):
    """A molecule that cannot be sampled: it is left out and reported."""


def sample_molecules(
    molecules: Path,
    output: Path,
    *,
    conformations: int,
    seed: int,
    method: Literal["dynamics", "normal-modes"] = "dynamics",
    jobs: int = 1,
) -> dict[str, Any]:
    """Sample every molecule of a list and write ``output`` in the SPICE layout, without labels.

    Finished molecules are kept at once in ``<output>.journal``, which stays: a second call computes
    only what is new. The result does not depend on ``jobs``, nor on the other molecules of the
    list.

    Parameters
    ----------
    conformations
        Number for each molecule, even, at most 50.
    method
        Langevin dynamics, or displacements along normal modes.
    jobs
        Processes, one thread each.

    Returns
    -------
    The report, also written to ``<output>.report.json``: number of molecules and of conformations,
    and failures by SMILES.

    Raises
    ------
    InputError
        For a list that cannot be read, a missing tblite, a journal in use or damaged, or when no
        molecule could be sampled.
    """
    recipe = Recipe(conformations, seed, method)
    entries = read_molecules(molecules)
    require("tblite")
    with sample_journal(output.with_name(output.name + ".journal"), recipe) as journal:
        one = partial(_sampled, recipe=recipe)
        compute_each(one, entries, journal, jobs=jobs, named="sampling")
        report = _write(entries, journal, output, molecules)
    provenance.write_json(output.with_name(output.name + ".report.json"), report)
    provenance.record(output, inputs=[molecules], settings=_settings(recipe))
    log.info("%s: %s", output, {name: report[name] for name in ("molecules", "conformations")})
    return report


def sample_journal(path: Path, recipe: Recipe) -> Journal[Entry, Sample]:
    """Open the samples of a recipe, or make the journal."""

    def key(entry: Entry) -> str:
        parts = {"smiles": entry.smiles, **_settings(recipe)}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    return Journal(path, Sample, key)


def _settings(recipe: Recipe) -> dict[str, Any]:
    """Return what identifies a sample; that of dynamics as before there was another way."""
    way = {} if recipe.method == "dynamics" else {"sampling": recipe.method}
    numbers = {"conformations": recipe.conformations, "seed": recipe.seed}
    return {"method": "GFN2-xTB", **numbers, **way}


def _sampled(entry: Entry, recipe: Recipe) -> Sample:
    return sample(entry.smiles, recipe)


def sample(smiles: str, recipe: Recipe) -> Sample:
    """Sample one molecule; charge and unpaired electrons are those of its SMILES.

    Hot frames have index 0, 1, ..., cold ones 25, 26, ...; by dynamics, the cold frame i + 25 is
    made from hot frame i.

    Raises
    ------
    SamplingError
        If the bonds are not those of the SMILES in more than half of the frames.
    InputError
        If RDKit cannot embed the molecule.
    """
    rng = np.random.default_rng(_seed(smiles, recipe.seed))
    mapped, frames = embed(smiles, conformers=1, seed=int(rng.integers(2**31 - 1)))
    known = molecule(mapped)
    atoms = lowest_minimum(frames, charge=known.charge, multiplicity=known.multiplicity)
    n_hot = recipe.conformations // 2
    if recipe.method == "normal-modes":
        from e3d_labels.normal_modes import displaced  # tblite, which may not be installed

        found = displaced(atoms, np.repeat([HOT_K, COLD_K], n_hot), rng)
    else:
        hot = _dynamics(atoms, HOT_K, [_HOT_STEPS] * n_hot, rng)
        found = hot + [_cooled(atoms, positions, rng) for positions in hot]
    positions = np.array(found)
    broken = ~bonds_intact(positions, atoms.numbers, known.bond_index)
    if broken.mean() > _MAX_BROKEN:
        raise SamplingError(
            f"bonds are not those of the SMILES in {int(broken.sum())} of {len(broken)} frames"
        )
    index = np.concatenate([np.arange(n_hot), np.arange(n_hot) + PAIR_STRIDE])
    return Sample(mapped, (positions / BOHR_ANG).astype(np.float32), index)


def _seed(smiles: str, seed: int) -> list[int]:
    """Return a seed of the molecule's own, for any order and number of processes."""
    return [seed, int.from_bytes(hashlib.sha256(smiles.encode()).digest()[:8])]


def _dynamics(
    atoms: Atoms, temperature: float, segments: Sequence[int], rng: np.random.Generator
) -> list[NDArray[np.float64]]:
    """Move ``atoms`` by Langevin dynamics.

    Returns
    -------
    Positions (N, 3), Å, centred, after each segment of steps.
    """
    thermalize_momenta(atoms, temperature, rng=rng)
    dynamics = Langevin(
        atoms,
        _STEP_FS * units.fs,
        temperature_K=temperature,
        friction=_FRICTION_PER_FS / units.fs,
        fixcm=False,  # centred below: keeping the centre fixed samples wrong momenta
        rng=rng,
    )
    kept = []
    for steps in segments:
        dynamics.run(steps)
        kept.append(atoms.positions - atoms.positions.mean(axis=0))
    return kept


def _cooled(
    atoms: Atoms, positions: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the cold partner of a hot frame; ``atoms`` lends its calculator."""
    atoms.positions = positions
    FIRE(atoms, logfile=None).run(fmax=0.0, steps=_FIRE_STEPS)
    return _dynamics(atoms, COLD_K, [_COLD_STEPS], rng)[0]


def _write(
    entries: Sequence[Entry], journal: Journal[Entry, Sample], output: Path, molecules: Path
) -> dict[str, Any]:
    """Write what the journal holds in the order of the list, one molecule in memory at a time."""
    failed: dict[str, str] = {}
    n_molecules = n_conformations = 0
    with new_file(output) as file:
        for entry in entries:
            found = journal.get(entry)
            if not isinstance(found, Sample):
                failed[entry.smiles] = str(found)
                log.warning("%s: %s; left out", entry.smiles, found)
                continue
            write_group(
                file,
                entry.group,
                smiles=found.smiles,
                subset=molecules.stem,
                numbers=molecule(found.smiles).atomic_numbers,
                positions=found.conformations,
                sample_index=found.index,
            )
            n_molecules += 1
            n_conformations += len(found.index)
        if not n_molecules:
            raise InputError(
                f"{molecules}: no molecule was sampled ({failed}), at least one is needed. "
                "Fix the list."
            )
    return {"molecules": n_molecules, "conformations": n_conformations, "failed": failed}
