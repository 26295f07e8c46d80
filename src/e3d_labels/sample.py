"""Sample conformations of small molecules as SPICE samples its monomers, by GFN2-xTB.

RDKit embedding, relaxation, Langevin dynamics at 500 K with a frame every 0.5 ps; from each of these
frames a few steps of FIRE and 1 ps at 100 K give its partner. Protocol: Eastman et al., Sci. Data 10,
11 (2023), doi:10.1038/s41597-022-01882-6, in the short form of ``resources/README.md``.
"""

import hashlib
import io
import json
import logging
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from ase import Atoms, units
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta
from ase.optimize import FIRE
from e3d import provenance
from e3d.chemistry import molecule
from e3d.connectivity import bonds_intact
from e3d.errors import InputError
from e3d.store.layouts.spice import PAIR_STRIDE, SAMPLE_INDEX
from e3d.units import BOHR_ANG
from e3d_labels.embed import embed, lowest_minimum, xtb
from e3d_labels.ledger import Ledger
from e3d_labels.molecule_list import Entry, read_molecules
from e3d_labels.processes import LostProcessError, work
from numpy.typing import NDArray

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

    def __post_init__(self) -> None:
        """Refuse numbers the pairs i and i + 25 leave no room for."""
        if self.conformations % 2 or not 2 <= self.conformations <= 2 * PAIR_STRIDE:
            raise InputError(
                f"conformations = {self.conformations} - an even number from 2 to {2 * PAIR_STRIDE} is needed, since "
                f"conformation i + {PAIR_STRIDE} is made from conformation i. Change --conformations."
            )


@dataclass(frozen=True)
class Sample:
    """Conformations (M, N, 3), float32 bohr, of the molecule ``smiles`` (mapped); ``index`` (M,) is their number."""

    smiles: str
    conformations: NDArray[np.float32]
    index: NDArray[np.int64]


class SamplingError(RuntimeError):
    """A molecule that cannot be sampled: it is skipped and reported."""


def sample_file(source: Path, output: Path, recipe: Recipe, *, jobs: int = 1) -> dict[str, Any]:
    """Sample every molecule of a list and write ``output`` in the SPICE layout, without labels.

    Finished molecules are kept at once in ``<output>.journal``, which stays: a second call computes
    only what is new. The result does not depend on ``jobs``, nor on the other molecules of the list.

    Returns
    -------
    The report, also written to ``<output>.report.json``: molecules, conformations, and failures by SMILES.

    Raises
    ------
    InputError
        For a list that cannot be read, a missing tblite, a journal in use or damaged, or when no
        molecule could be sampled.
    """
    entries = read_molecules(source)
    xtb()  # refuse before any process starts what would fail in all of them
    with Ledger(output.with_name(output.name + ".journal")) as ledger:
        todo = [entry for entry in entries if not ledger.has(_key(entry, recipe))]
        log.info("%s: %d molecules, %d of them not sampled yet", source, len(entries), len(todo))
        if todo:
            ledger.claim()
            _work(todo, ledger, recipe, jobs)
        report = _write(entries, ledger, recipe, output, source)
    provenance.write_json(output.with_name(output.name + ".report.json"), report)
    provenance.record(output, inputs=[source], settings={"method": "GFN2-xTB", **asdict(recipe)})
    log.info("%s: %s", output, report)
    return report


def sample(smiles: str, recipe: Recipe) -> Sample:
    """Sample one molecule; charge and unpaired electrons are those of its SMILES.

    Hot frames have index 0, 1, ..., the cold frame made from hot frame i has index i + 25.

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
    hot = _dynamics(atoms, HOT_K, [_HOT_STEPS] * n_hot, rng)
    cold = [_cooled(atoms, positions, rng) for positions in hot]
    positions = np.array(hot + cold)
    broken = ~bonds_intact(positions, atoms.numbers, known.bond_index)
    if broken.mean() > _MAX_BROKEN:
        raise SamplingError(
            f"bonds are not those of the SMILES in {int(broken.sum())} of {len(broken)} frames"
        )
    index = np.concatenate([np.arange(n_hot), np.arange(n_hot) + PAIR_STRIDE])
    return Sample(mapped, (positions / BOHR_ANG).astype(np.float32), index)


def _seed(smiles: str, seed: int) -> list[int]:
    """Return a seed of the molecule's own, so that neither order nor number of processes matter."""
    return [seed, int.from_bytes(hashlib.sha256(smiles.encode()).digest()[:8])]


def _dynamics(
    atoms: Atoms, temperature: float, segments: Sequence[int], rng: np.random.Generator
) -> list[NDArray[np.float64]]:
    """Move ``atoms`` by Langevin dynamics; return positions (N, 3) Å, centred, after each segment of steps."""
    thermalize_momenta(atoms, temperature, rng=rng)
    dynamics = Langevin(
        atoms,
        _STEP_FS * units.fs,
        temperature_K=temperature,
        friction=_FRICTION_PER_FS / units.fs,
        fixcm=False,  # positions are centred instead: keeping the centre fixed samples wrong momenta
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


def _key(entry: Entry, recipe: Recipe) -> str:
    parts = {"smiles": entry.smiles, "method": "GFN2-xTB", **asdict(recipe)}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _work(todo: Sequence[Entry], ledger: Ledger, recipe: Recipe, jobs: int) -> None:
    done = 0

    def keep(item: tuple[Entry, Recipe], outcome: bytes | str) -> None:
        nonlocal done
        ledger.store([(_key(item[0], recipe), outcome)])
        done += 1
        log.info("%d of %d: %s", done, len(todo), item[0].smiles)

    try:
        work(_sample_one, [(entry, recipe) for entry in todo], keep, jobs=jobs)
    except LostProcessError as error:
        names = ", ".join(entry.smiles for entry, _ in error.items)
        raise InputError(
            f"a sampling process ended by itself after {done} of {len(todo)} molecules, at work on one of {names}; "
            "most likely it lacked memory. What was finished is kept: run the same command again with fewer --jobs."
        ) from None


def _sample_one(item: tuple[Entry, Recipe]) -> bytes | str:
    entry, recipe = item
    try:
        return _pack(sample(entry.smiles, recipe))
    except (InputError, RuntimeError, ArithmeticError, np.linalg.LinAlgError) as error:
        return " ".join(str(error).split()) or type(error).__name__


def _pack(made: Sample) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **vars(made))
    return buffer.getvalue()


def _unpack(blob: bytes, where: str) -> Sample:
    try:
        with np.load(io.BytesIO(blob), allow_pickle=False) as values:
            return Sample(str(values["smiles"]), values["conformations"], values["index"])
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{where}: holds a damaged sample ({reason}). Delete it to start anew."
        ) from None


def _write(
    entries: Sequence[Entry], ledger: Ledger, recipe: Recipe, output: Path, source: Path
) -> dict[str, Any]:
    """Write what the ledger holds in the order of the list."""
    failed: dict[str, str] = {}

    def made() -> Iterator[tuple[Entry, Sample]]:
        for entry in entries:
            found = ledger.load(_key(entry, recipe))
            if isinstance(found, bytes):
                yield entry, _unpack(found, str(ledger.path))
            else:
                failed[entry.smiles] = str(found)
                log.warning("%s: %s; skipped", entry.smiles, found)

    total: Counter[str] = Counter()
    with (
        provenance.atomic(output) as temporary,
        h5py.File(temporary, "w", libver="v110", track_order=True) as file,
    ):
        for entry, one in made():
            _write_group(file.create_group(entry.group), one, source.stem)
            total.update(molecules=1, conformations=len(one.index))
        if not total["molecules"]:
            raise InputError(
                f"{source}: no molecule was sampled ({failed}), at least one is needed. Fix the list."
            )
    return {**total, "failed": failed}


def _write_group(target: h5py.Group, one: Sample, subset: str) -> None:
    text = h5py.string_dtype()
    target.create_dataset("subset", data=[subset], dtype=text)
    target.create_dataset("smiles", data=[one.smiles], dtype=text)
    target["atomic_numbers"] = np.array(molecule(one.smiles).atomic_numbers, dtype=np.int16)
    target["conformations"] = one.conformations
    target[SAMPLE_INDEX] = one.index.astype(np.int32)


def sample_molecules(
    molecules: Path, output: Path, conformations: int, seed: int, jobs: int
) -> None:
    """Sample a list of SMILES as the options of ``e3d data sample`` say."""
    sample_file(molecules, output, Recipe(conformations, seed), jobs=jobs)
