"""Decompose a model on structures: stream batches in, tables and histograms out."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from e3d import provenance, tables
from e3d.chemistry import symbol
from e3d.decomposition.bonds import BondTyper
from e3d.decomposition.totals import Histogram, Means, Shares
from e3d.decomposition.writer import BondsWriter, with_keys
from e3d.edges import EdgeEnergies
from e3d.errors import InputError
from e3d.fields import BONDS_FILE, MEANS_FILE, PAIRS_FILE, SUMMARY_FILE, TEST_SPLITS
from e3d.fields import Column as C
from e3d.options import own_run
from e3d.pairs import Pairs, check_sum_rule, pair_up
from e3d.store.reader import StoreReader
from e3d.store.splits import frames_of, read_splits
from e3d.structures import Structure, from_file, from_store

if TYPE_CHECKING:  # torch is imported by who loads the model
    from e3d.models import AnalysisModel

log = logging.getLogger(__name__)

STORE_SUFFIX = ".h5"
_Texts = dict[str, list[str]]


def decompose_all(
    model: "AnalysisModel",
    sources: Sequence[Path],
    folder: Path,
    *,
    run: Mapping[str, Any],
    splits: Path | None = None,
    skip_unknown: bool = False,
) -> None:
    """Decompose each source into ``folder/<name>/``.

    A store gives its test sets by name if ``splits`` is given, else all frames; any other file is
    named by its stem (``named_bonds.xyz`` -> ``named-bonds``).
    """
    names = [name for path in sources for name in _names(path, splits)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"structures {', '.join(map(str, sources))}: several would be written to {folder}/{twice[0]}/, which "
            "must be unique. Rename a file, or decompose them into different folders."
        )
    for path in sources:
        if path.suffix != STORE_SUFFIX:
            (name,) = _names(path, splits)
            usable = _known(model, from_file(path), skip=skip_unknown)
            decompose(model, usable, folder / name, name=name, run=run, inputs=[path])
            continue
        inputs = [path] if splits is None else [path, splits]
        with StoreReader(path) as reader:
            if splits is not None:
                read_splits(splits, reader)
            for name in _names(path, splits):
                frames = range(len(reader)) if splits is None else frames_of(splits, name)
                usable = _known(model, from_store(reader, frames), skip=skip_unknown)
                decompose(model, usable, folder / name, name=name, run=run, inputs=inputs)


def _names(path: Path, splits: Path | None) -> tuple[str, ...]:
    """Return what the structures of a source are called: a store's test sets, or the file by its stem."""
    if path.suffix == STORE_SUFFIX and splits is not None:
        return TEST_SPLITS
    return (path.stem.replace("_", "-"),)


def _known(
    model: "AnalysisModel", structures: Iterable[Structure], *, skip: bool
) -> Iterator[Structure]:
    """Pass structures through; with ``skip``, leave out and log those with unknown elements."""
    for structure in structures:
        if skip and not model.knows(structure):
            unknown = sorted(
                {symbol(int(z)) for z in structure.atomic_numbers} - set(model.type_names)
            )
            log.warning(
                "%s (%s) left out: %s unknown",
                structure.label,
                structure.smiles,
                ", ".join(unknown),
            )
            continue
        yield structure


def decompose(
    model: "AnalysisModel",
    structures: Iterable[Structure],
    folder: Path,
    *,
    name: str,
    run: Mapping[str, Any],
    inputs: Iterable[Path] = (),
) -> dict[str, Any]:
    """Write ``bonds.parquet``, ``pairs.parquet``, ``bond_means.csv`` and ``summary.json``.

    Parameters
    ----------
    name
        What the structures are called in the tables (``test-molecules``, ``named-bonds``, ...).
    run
        The run columns: run, dataset, n_train, model, seed.

    Returns
    -------
    The summary.

    Raises
    ------
    InputError
        If the sum rule fails on any frame, or a structure cannot be used; nothing is left behind.
    """
    totals = _Totals()
    keys = {C.STRUCTURES: name, **run}
    target = folder / BONDS_FILE
    with provenance.atomic(target) as temporary:
        with BondsWriter(temporary, keys) as writer:
            for batch in model.batches(structures):
                edges = model.edge_energies(batch)
                totals.sum_rule = max(
                    totals.sum_rule, check_sum_rule(edges, [s.label for s in batch.structures])
                )
                writer.add(*totals.add(batch.structures, edges))
        if not totals.frames:
            raise InputError(
                f"{name}: no structure that {model.path} can decompose (it knows {', '.join(model.type_names)}). "
                "Give structures of these elements."
            )
    inputs = [model.path, *inputs]
    provenance.record(target, inputs=inputs, settings={"structures": name})
    means = totals.means.table(totals.typer.labels.names)
    tables.write(with_keys(totals.histogram.table(), keys), folder / PAIRS_FILE, inputs=inputs)
    tables.write(with_keys(means, keys), folder / MEANS_FILE, inputs=inputs)
    summary = {**run, "structures": name, **totals.summary(), "n_parameters": model.n_parameters}
    provenance.write_json(folder / SUMMARY_FILE, summary)
    log.info(
        "%s: %d frames, sum rule within %.1e eV, in %s",
        name,
        totals.frames,
        totals.sum_rule,
        folder,
    )
    return summary


class _Totals:
    """Takes batch after batch apart: bonded pairs become rows, everything else is added up."""

    def __init__(self) -> None:
        self.frames, self.edges, self.changed, self.sum_rule = 0, 0, 0, 0.0
        self.typer, self.shares, self.means, self.histogram = (
            BondTyper(),
            Shares(),
            Means(),
            Histogram(),
        )

    def add(
        self, structures: Sequence[Structure], edges: EdgeEnergies
    ) -> tuple[dict[str, NDArray[Any]], _Texts]:
        """Add a batch; return the columns of its bonded pairs, and the texts that the columns number."""
        pairs = pair_up(edges)
        rows, labels = self.typer.bonded(structures, edges, pairs)
        bonded = np.zeros(len(pairs.i), dtype=bool)
        bonded[rows] = True
        intact = np.array([structure.intact for structure in structures])
        molecule = np.array(
            [self.shares.molecules.code(structure.smiles) for structure in structures]
        )
        self.frames += len(structures)
        self.edges += len(edges.eps)
        self.changed += int((~intact).sum())
        self.shares.add(molecule, pairs.frame, pairs.bond_energy, bonded)
        others = pairs.take(~bonded)
        z = edges.atomic_numbers
        self.histogram.add(z[others.i], z[others.j], others.r, others.bond_energy)
        bonds = pairs.take(rows)
        columns = _columns(structures, edges, bonds)
        columns |= {C.MOLECULE: molecule[bonds.frame], C.BOND_TYPE: labels, C.FINE_TYPE: labels}
        columns[C.INTACT] = intact[bonds.frame]
        self._add_means(structures, bonds, columns)
        names = self.typer.labels.names
        kinds, fine = [name[0] for name in names], [name[1] for name in names]
        return columns, {
            C.MOLECULE: self.shares.molecules.names,
            C.BOND_TYPE: kinds,
            C.FINE_TYPE: fine,
        }

    def _add_means(
        self, structures: Sequence[Structure], bonds: Pairs, columns: Mapping[str, NDArray[Any]]
    ) -> None:
        keep = columns[C.INTACT]
        if not keep.any():
            return
        species = np.array(
            [self.means.species.code((s.smiles, s.mapped_smiles or "")) for s in structures]
        )
        key = [columns[name][keep] for name in (C.I, C.J, C.S_X, C.S_Y, C.S_Z, C.BOND_TYPE)]
        self.means.add(
            [species[bonds.frame[keep]], *key], columns[C.BOND_ENERGY][keep], bonds.r[keep]
        )

    def summary(self) -> dict[str, Any]:
        return {
            "frames": self.frames,
            "frames_with_changed_bonds": self.changed,
            "edges": self.edges,
            "sum_rule_max_abs_eV": self.sum_rule,
            **self.shares.summary(),
            "dtype": "float64",
        }


def _columns(
    structures: Sequence[Structure], edges: EdgeEnergies, bonds: Pairs
) -> dict[str, NDArray[Any]]:
    """Return the columns of bonded pairs that are numbers."""
    start = edges.frame_ptr[bonds.frame]
    return {
        C.FRAME: np.array([structure.frame for structure in structures])[bonds.frame],
        C.I: bonds.i - start,
        C.J: bonds.j - start,
        C.S_X: bonds.cell_shift[:, 0],
        C.S_Y: bonds.cell_shift[:, 1],
        C.S_Z: bonds.cell_shift[:, 2],
        C.Z_I: edges.atomic_numbers[bonds.i],
        C.Z_J: edges.atomic_numbers[bonds.j],
        C.R: bonds.r,
        C.EPS_IJ: bonds.eps_ij,
        C.EPS_JI: bonds.eps_ji,
        C.BOND_ENERGY: bonds.bond_energy,
        C.ASYMMETRY: bonds.asymmetry,
    }


def write_decompositions(
    model: Path,
    structures: Sequence[Path],
    output: Path,
    splits: Path | None,
    device: str,
    run: Mapping[str, Any] | None,
    skip_unknown_elements: bool,
) -> None:
    """Load the model of a file and decompose it on files, see :func:`decompose_all`."""
    from e3d.models import load_model

    decompose_all(
        load_model(model, device),
        structures,
        output,
        run=run or own_run(model),
        splits=splits,
        skip_unknown=skip_unknown_elements,
    )
