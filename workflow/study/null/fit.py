"""Fit the null models to the training frames of a run, and evaluate them on what the run is evaluated on.

Four tables for each dataset and number of training frames: ``<output>`` (a row per null model and test set),
``.types`` (bond energies of the additivities), ``.errors`` (test errors, by molecule too) and ``.bonds`` (D of every
bond of the structures that runs are decomposed on).
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase.geometry import find_mic
from numpy.typing import NDArray

from e3d import tables
from e3d.decomposition.totals import Means
from e3d.evaluate import error_table, residuals
from e3d.fields import METRICS, TEST_SPLITS, VALIDATION
from e3d.fields import Column as C
from e3d.fields import Store as F
from e3d.keys import Vocabulary
from e3d.potential import Potential
from e3d.statistics import interval_columns
from e3d.store.reader import StoreReader
from e3d.store.splits import frames_of, read_splits
from e3d.structures import Structure, from_file, from_store
from study.fields import NAMED_BONDS
from study.null import additivity
from study.null.additive_potential import AdditivePotential, molecules_of
from study.null.names import (
    ADDITIVITY_TYPES,
    COARSE,
    FINE,
    FITTED,
    INFORMATION,
    NULL_MODEL,
    PAIR,
    column,
)
from study.null.pair_potential import NormalEquations, PairPotential, Weights, normal_equations
from study.null.pair_potential import fit as fit_pair
from study.null.splines import Basis

log = logging.getLogger(__name__)

Ints = NDArray[np.int64]
_MOLECULES_PER_READ = 2_000


@dataclass(frozen=True)
class Sources:
    """The files a fit is made from."""

    store: Path
    splits: Path
    subset: Path
    named: Path

    def paths(self) -> list[Path]:
        """Return all of them."""
        return list(vars(self).values())


@dataclass(frozen=True)
class Fitted:
    """The null models of one training subset."""

    additive: dict[str, AdditivePotential]
    pair: PairPotential
    frames: int
    frames_with_bonds: int

    def of(self, null: str) -> Potential:
        """Return one of them by name."""
        return self.pair if null == PAIR else self.additive[null]


def fit_tables(
    sources: Sources, output: Path, weights: Weights, r_max: float, keys: Mapping[str, Any]
) -> None:
    """Write the four tables; ``keys`` holds ``dataset`` and ``n_train``."""
    with StoreReader(sources.store) as reader:
        read_splits(sources.splits, reader)
        frames = tables.read(sources.subset, columns=(C.FRAME,))[C.FRAME].to_numpy(dtype=np.int64)
        fitted = fit(reader, frames, frames_of(sources.splits, VALIDATION), weights, Basis(r_max))
        errors = pd.concat(
            [_errors(fitted, reader, sources.splits, null) for null in FITTED], ignore_index=True
        )
        bonds = _bonds(fitted, reader, sources)
    parts = {
        "": _fits(fitted, errors),
        ".types": _types(fitted),
        ".errors": errors,
        ".bonds": bonds,
    }
    for suffix, table in parts.items():
        path = output.with_name(f"{output.stem}{suffix}.csv")
        tables.write(_with_run(table, keys), path, inputs=sources.paths())


def _with_run(table: pd.DataFrame, keys: Mapping[str, Any]) -> pd.DataFrame:
    """Put the run columns first: the name of the null model stands for the model's, ``nulls`` for all of them."""
    if NULL_MODEL not in table:
        return tables.with_run(table, _run(keys, "nulls"))
    parts = [
        (str(null), part.drop(columns=NULL_MODEL))
        for null, part in table.groupby(NULL_MODEL, sort=False)
    ]
    return pd.concat(
        [tables.with_run(part, _run(keys, null)) for null, part in parts], ignore_index=True
    )


def _run(keys: Mapping[str, Any], null: str) -> dict[str, Any]:
    """Return the run columns of a null model, which has no seed."""
    run = f"{keys['dataset']}/n{keys['n_train']}/{null}"
    return {
        "run": run,
        "dataset": keys["dataset"],
        "n_train": keys["n_train"],
        "model": null,
        "seed": None,
    }


def fit(
    reader: StoreReader, frames: Ints, validation: Ints, weights: Weights, basis: Basis
) -> Fitted:
    """Fit every null model to ``frames``; the smoothness of the pair potential is chosen on ``validation``."""
    atoms = reader.isolated_atom_energy
    additive = {}
    for null in (COARSE, FINE):
        data = molecules_of(from_store(reader, frames), atoms, null)
        additive[null] = AdditivePotential(null, additivity.fit(data), atoms)
    train, held = (_equations(reader, some, weights, basis) for some in (frames, validation))
    with_bonds = int(additive[COARSE].fitted.data.frames.sum())
    return Fitted(additive, fit_pair(train, held, atoms), len(frames), with_bonds)


def _equations(
    reader: StoreReader, frames: Ints, weights: Weights, basis: Basis
) -> NormalEquations:
    rows = weights.per_row(
        len(frames), int((reader.frame_ptr[frames + 1] - reader.frame_ptr[frames]).sum())
    )
    structures = from_store(reader, by_elements(reader, frames))
    return normal_equations(structures, reader.elements, reader.isolated_atom_energy, basis, rows)


def by_elements(reader: StoreReader, frames: Ints) -> Ints:
    """Return the frames sorted by the set of their elements: batches of few element pairs are added up fast."""
    z = reader.gather(F.ATOMIC_NUMBERS, frames).astype(np.uint64)
    size = reader.frame_ptr[frames + 1] - reader.frame_ptr[frames]
    starts = np.cumsum(size) - size
    one = np.uint64(1)
    low, high = (
        np.bitwise_or.reduceat(
            np.where(z // 64 == half, one << (z % np.uint64(64)), np.uint64(0)), starts
        )
        for half in (0, 1)
    )
    return np.asarray(frames[np.lexsort((frames, low, high))])


def _errors(fitted: Fitted, reader: StoreReader, splits: Path, null: str) -> pd.DataFrame:
    """Return the test errors of one null model, as ``e3d evaluate`` gives those of a network.

    ``frames_without`` counts those it says nothing about: with a type or an element pair that training lacked.
    """
    potential = fitted.of(null)
    parts = []
    for name in TEST_SPLITS:
        frames = frames_of(splits, name)
        known = [s for s in from_store(reader, frames) if potential.knows(s)]
        if known:
            table = error_table(*residuals(potential, known))
            table = table[table[C.GROUP_KIND] != "element"]
        else:
            table = pd.DataFrame(
                [{C.GROUP_KIND: "all", C.GROUP: "all", C.N_FRAMES: 0, "n_atoms": 0}]
            )
        table.insert(0, NULL_MODEL, null)
        table.insert(1, C.TEST_SET, name)
        table.insert(2, "frames_without", len(frames) - len(known))
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def _fits(fitted: Fitted, errors: pd.DataFrame) -> pd.DataFrame:
    rows = errors[errors[C.GROUP_KIND] == "all"].drop(columns=[C.GROUP_KIND, C.GROUP])
    ends = interval_columns(*METRICS)
    rows = rows.reindex(columns=[NULL_MODEL, C.TEST_SET, C.N_FRAMES, "frames_without", *ends])
    found = pd.DataFrame([{NULL_MODEL: null, **_facts(fitted, null)} for null in FITTED])
    return rows.merge(found, on=NULL_MODEL)


def _facts(fitted: Fitted, null: str) -> dict[str, Any]:
    """Say how a fit was made and how well the data determine it."""
    if null == PAIR:
        pair = fitted.pair
        numbers = (
            fitted.frames,
            pair.n_parameters,
            pair.effective_parameters,
            pair.rank,
            pair.condition,
            pair.penalty,
        )
        chosen, cv = "validation frames", float("nan")
    else:
        made = fitted.additive[null].fitted
        determined = (
            len(made.data.types),
            made.effective_parameters,
            made.rank,
            made.condition,
            made.ridge,
        )
        numbers = (fitted.frames_with_bonds, *determined)
        cv = made.cv_rmse_eV
        chosen = (
            "cross-validation over molecules"
            if np.isfinite(cv)
            else "none could be left out: the smallest"
        )
    names = ("frames_fitted", C.N_PARAMETERS, "effective_parameters", "rank", "condition", "ridge")
    return dict(zip(names, numbers, strict=True)) | {
        "ridge_chosen_by": chosen,
        "cv_rmse_eV": cv,
        "information": INFORMATION[null],
    }


def _types(fitted: Fitted) -> pd.DataFrame:
    """Return D of every bond type of the additivities, with what determines it."""
    rows = []
    for null in ADDITIVITY_TYPES:
        made = fitted.additive[null].fitted
        d, (error, half) = made.bond_energy, made.jackknife()
        columns = {
            NULL_MODEL: null,
            C.BOND_TYPE: made.data.types,
            C.N: (made.data.counts * made.data.frames[:, None]).sum(axis=0).astype(int),
            C.N_MOLECULES: (made.data.counts > 0).sum(axis=0),
            **dict(zip(interval_columns(C.BOND_ENERGY), (d, d - half, d + half), strict=True)),
            "bond_energy_se_eV": error,
            "ridge_sd_eV": made.ridge_sd(),
            "resolution": made.resolution,
            "determined": np.where(made.determined, "yes", "no"),
        }
        rows.append(pd.DataFrame(columns))
    return pd.concat(rows, ignore_index=True)


def _bonds(fitted: Fitted, reader: StoreReader, sources: Sources) -> pd.DataFrame:
    """Return D of every null model for each bond of each molecule of the structures runs are decomposed on."""
    parts = []
    for name in (*TEST_SPLITS, NAMED_BONDS):
        if name == NAMED_BONDS:
            structures: Iterable[Structure] = from_file(sources.named)
        else:
            structures = from_store(reader, frames_of(sources.splits, name))
        means = bond_means(structures, fitted.pair)
        for null in ADDITIVITY_TYPES:
            means[column(null)] = fitted.additive[null].bond_energies(means)
        means.insert(0, C.STRUCTURES, name)
        parts.append(means)
    return pd.concat(parts, ignore_index=True)


def bond_means(structures: Iterable[Structure], pair: PairPotential) -> pd.DataFrame:
    """Return one row per bond of each molecule: n, mean r (Å) and mean D of the pair potential (eV).

    Frames without known bonds, or whose geometry has others, are left out, as in a decomposition.
    """
    means, labels = Means(), Vocabulary[tuple[str, str]]()
    waiting: list[Structure] = []
    for structure in structures:
        if structure.bonds and structure.intact:
            waiting.append(structure)
        if len(waiting) >= _MOLECULES_PER_READ:
            _add_bonds(means, labels, waiting, pair)
            waiting = []
    if waiting:
        _add_bonds(means, labels, waiting, pair)
    table = means.table(labels.names).drop(columns=["bond_energy_sd_eV", C.S_X, C.S_Y, C.S_Z])
    return table.rename(columns={C.BOND_ENERGY: column(PAIR)})


def _add_bonds(
    means: Means,
    labels: Vocabulary[tuple[str, str]],
    structures: Sequence[Structure],
    pair: PairPotential,
) -> None:
    rows: list[tuple[int, ...]] = []
    vectors, z = [], []
    for structure in structures:
        species = means.species.code((structure.smiles, structure.mapped_smiles or ""))
        bonds = structure.bonds or ()
        rows += [
            (species, b.i, b.j, 0, 0, 0, labels.code((b.bond_type, b.fine_type))) for b in bonds
        ]
        ends = np.array([(bond.i, bond.j) for bond in bonds])
        vector = structure.positions[ends[:, 1]] - structure.positions[ends[:, 0]]
        if structure.cell is not None:
            vector = find_mic(vector, structure.cell, structure.pbc)[0]
        vectors.append(vector)
        z.append(structure.atomic_numbers[ends])
    r, elements = np.linalg.norm(np.concatenate(vectors), axis=1), np.concatenate(z)
    d = pair.bond_energy(elements[:, 0], elements[:, 1], r)
    means.add(list(np.array(rows, dtype=np.int64).T), d, r)


def run(
    store: Path,
    subset: Path,
    splits: Path,
    named: Path,
    dataset: str,
    energy_weight: float,
    force_weight: float,
    r_max: float,
    output: Path,
) -> None:
    """Fit the null models to the frames of ``subset`` and write their tables."""
    n_train = len(tables.read(subset, columns=(C.FRAME,)))
    keys = {"dataset": dataset, "n_train": n_train}
    sources = Sources(store, splits, subset, named)
    fit_tables(sources, output, Weights(energy_weight, force_weight), r_max, keys)
