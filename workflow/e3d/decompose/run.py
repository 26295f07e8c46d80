"""Decompose a model on structures: stream batches in, tables and histograms out."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from e3d import provenance, tables
from e3d.chemistry import bond_type, symbol
from e3d.data.split import frames_of
from e3d.data.store import StoreReader
from e3d.decompose.pairs import Pairs, check_sum_rule, pair_up
from e3d.errors import InputError
from e3d.fields import BONDS_FILE, MEANS_FILE, PAIRS_FILE, SUMMARY_FILE, TEST_SPLITS
from e3d.fields import Column as C
from e3d.models import AnalysisModel, EdgeEnergies
from e3d.statistics import group_ratio
from e3d.structures import Structure, from_file, from_store, geometric_bond

log = logging.getLogger(__name__)

D_BIN_EV = 0.01
"""Bin width of D in the histograms of non-bonded pairs; divides every entropy bin width in use."""
R_BIN_ANG = 0.05
STORE_SUFFIX = ".h5"
_DICTIONARY = (C.RUN, C.DATASET, C.MODEL, C.MOLECULE, C.BOND_TYPE, C.FINE_TYPE)


@dataclass
class _Totals:
    """What a summary needs of all frames, accumulated batch by batch."""

    frames: int = 0
    edges: int = 0
    changed: int = 0
    sum_rule: float = 0.0
    shares: dict[str, NDArray[np.float64]] = field(default_factory=dict)  # molecule: sums of _SHARE_SUMS
    histogram: Counter[tuple[str, int, int]] = field(default_factory=Counter)
    means: dict[tuple[Any, ...], list[float]] = field(default_factory=dict)


def decompose_all(
    model: AnalysisModel,
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
    names = [_name_of(path) for path in sources]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"structures {', '.join(map(str, sources))}: several would be written to {folder}/{twice[0]}/, the "
            "name without its suffix must be unique. Rename a file, or decompose them into different folders."
        )
    for path in sources:
        inputs = [path] if splits is None else [path, splits]
        if path.suffix != STORE_SUFFIX:
            name = _name_of(path)
            usable = _known(model, from_file(path), skip=skip_unknown)
            decompose(model, usable, folder / name, name=name, run=run, inputs=inputs)
            continue
        with StoreReader(path) as reader:
            for name in TEST_SPLITS if splits is not None else (_name_of(path),):
                frames = range(len(reader)) if splits is None else frames_of(splits, name)
                usable = _known(model, from_store(reader, frames), skip=skip_unknown)
                decompose(model, usable, folder / name, name=name, run=run, inputs=inputs)


def _name_of(path: Path) -> str:
    return path.stem.replace("_", "-")


def _known(model: AnalysisModel, structures: Iterable[Structure], *, skip: bool) -> Iterator[Structure]:
    """Pass structures through; with ``skip``, leave out and log those with unknown elements."""
    for structure in structures:
        unknown = {symbol(int(z)) for z in structure.atomic_numbers} - set(model.type_names)
        if skip and unknown:
            log.warning("%s (%s) left out: %s unknown", structure.label, structure.smiles, ", ".join(sorted(unknown)))
            continue
        yield structure


def decompose(
    model: AnalysisModel,
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
        writer: pq.ParquetWriter | None = None
        try:
            for chosen, graphs in model.batches(structures):
                edges = model.edge_energies(chosen, graphs)
                totals.sum_rule = max(totals.sum_rule, check_sum_rule(edges, name))
                block = _batch_table(chosen, edges, totals)
                arrow = pa.Table.from_pandas(_with_keys(block, keys), preserve_index=False)
                if writer is None:
                    writer = pq.ParquetWriter(temporary, arrow.schema, use_dictionary=[str(c) for c in _DICTIONARY])
                writer.write_table(arrow)
        finally:
            if writer is not None:
                writer.close()
        if writer is None:
            raise InputError(
                f"{name}: no structure that {model.path} can decompose (it knows {', '.join(model.type_names)}). "
                "Give structures of these elements."
            )
    inputs = [model.path, *inputs]
    provenance.record(target, inputs=inputs, settings={"structures": name})
    tables.write(_with_keys(_histogram(totals), keys), folder / PAIRS_FILE, inputs=inputs)
    tables.write(_with_keys(_means(totals), keys), folder / MEANS_FILE, inputs=inputs)
    summary = {**_summary(totals, name, run), "n_parameters": model.n_parameters}
    provenance.write_json(folder / SUMMARY_FILE, summary)
    return summary


def _with_keys(table: pd.DataFrame, keys: Mapping[str, Any]) -> pd.DataFrame:
    table = tables.with_run(table, keys)
    table.insert(5, C.STRUCTURES, keys[C.STRUCTURES])
    return table


def _batch_table(structures: list[Structure], edges: EdgeEnergies, totals: _Totals) -> pd.DataFrame:
    """Return the bonded pairs of a batch and add everything else to ``totals``."""
    pairs = pair_up(edges)
    kinds, fine = _bond_types(structures, edges, pairs)
    bonded = kinds != ""
    d = pairs.bond_energy
    totals.frames += len(structures)
    totals.edges += len(edges.eps)
    totals.changed += sum(not structure.intact for structure in structures)
    _add_shares(totals, structures, pairs.frame, d, bonded)
    _add_histogram(totals, edges, pairs, ~bonded)
    start = edges.frame_ptr[pairs.frame]
    table = pd.DataFrame(
        {
            C.FRAME: np.array([s.frame for s in structures])[pairs.frame],
            C.MOLECULE: np.array([s.smiles for s in structures], dtype=object)[pairs.frame],
            C.I: pairs.i - start,
            C.J: pairs.j - start,
            C.S_X: pairs.cell_shift[:, 0],
            C.S_Y: pairs.cell_shift[:, 1],
            C.S_Z: pairs.cell_shift[:, 2],
            C.Z_I: edges.atomic_numbers[pairs.i],
            C.Z_J: edges.atomic_numbers[pairs.j],
            C.BOND_TYPE: kinds,
            C.FINE_TYPE: fine,
            C.R: pairs.r,
            C.EPS_IJ: pairs.eps_ij,
            C.EPS_JI: pairs.eps_ji,
            C.BOND_ENERGY: d,
            C.ASYMMETRY: pairs.asymmetry,
            C.INTACT: np.array([s.intact for s in structures])[pairs.frame],
        }
    )
    bonds: pd.DataFrame = table[bonded]
    _add_means(totals, bonds, structures, pairs.frame[bonded])
    return bonds


def _add_shares(
    totals: _Totals,
    structures: list[Structure],
    frame: NDArray[np.int64],
    d: NDArray[np.float64],
    bonded: NDArray[np.bool_],
) -> None:
    """Add the sums of D and |D|, over bonded and over all pairs, to those of each molecule."""
    columns = (d * bonded, d, np.abs(d) * bonded, np.abs(d))
    sums = np.stack([np.bincount(frame, weights=c, minlength=len(structures)) for c in columns], axis=1)
    for structure, row in zip(structures, sums, strict=True):
        totals.shares[structure.smiles] = totals.shares.get(structure.smiles, 0.0) + row


def _bond_types(
    structures: list[Structure], edges: EdgeEnergies, pairs: Pairs
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Return coarse and finer bond type of every pair, "" where it is not bonded."""
    kinds = np.full(len(pairs.i), "", dtype=object)
    fine = np.full(len(pairs.i), "", dtype=object)
    bounds = np.searchsorted(pairs.frame, np.arange(len(structures) + 1))
    for index, structure in enumerate(structures):
        rows = slice(bounds[index], bounds[index + 1])
        start = edges.frame_ptr[index]
        if structure.bonds is None:
            _geometric(kinds, edges, pairs, rows)
            continue
        known = {(bond.i, bond.j): bond for bond in structure.bonds}
        ends = zip((pairs.i[rows] - start).tolist(), (pairs.j[rows] - start).tolist(), strict=True)
        nearest: dict[tuple[int, int], int] = {}  # a bond across a cell's edge is its shortest image
        for row, pair in enumerate(ends, start=rows.start):
            if pair in known and (pair not in nearest or pairs.r[row] < pairs.r[nearest[pair]]):
                nearest[pair] = row
        for pair, row in nearest.items():
            kinds[row], fine[row] = known[pair].bond_type, known[pair].fine_type
    return kinds, fine


def _geometric(kinds: NDArray[np.object_], edges: EdgeEnergies, pairs: Pairs, rows: slice) -> None:
    for row in range(rows.start, rows.stop):
        z_i, z_j = edges.atomic_numbers[pairs.i[row]], edges.atomic_numbers[pairs.j[row]]
        kinds[row] = geometric_bond(int(z_i), int(z_j), float(pairs.r[row])) or ""


def _add_histogram(totals: _Totals, edges: EdgeEnergies, pairs: Pairs, chosen: NDArray[np.bool_]) -> None:
    z = np.sort(np.column_stack([edges.atomic_numbers[pairs.i], edges.atomic_numbers[pairs.j]]), axis=1)
    bins = np.column_stack([z, np.floor(pairs.r / R_BIN_ANG), np.floor(pairs.bond_energy / D_BIN_EV)])[chosen].astype(
        np.int64
    )
    cells, counts = np.unique(bins, axis=0, return_counts=True)
    for (z_i, z_j, r, d), count in zip(cells.tolist(), counts.tolist(), strict=True):
        totals.histogram[bond_type(z_i, z_j), r, d] += count


def _add_means(totals: _Totals, table: pd.DataFrame, structures: list[Structure], frame: NDArray[np.int64]) -> None:
    """Add n, sum D, sum D^2 and sum r of every bond of every molecule (frames with their bonds)."""
    mapped = np.array([s.mapped_smiles or "" for s in structures], dtype=object)[frame]
    keep = table[C.INTACT].to_numpy()
    columns = (C.MOLECULE, C.I, C.J, C.S_X, C.S_Y, C.S_Z, C.BOND_TYPE, C.FINE_TYPE)
    rows = zip(*(table[c][keep] for c in columns), strict=True)
    values = zip(table[C.BOND_ENERGY][keep], table[C.R][keep], strict=True)
    for smiles, row, (d, r) in zip(mapped[keep], rows, values, strict=True):
        sums = totals.means.setdefault((row[0], smiles, *row[1:]), [0.0, 0.0, 0.0, 0.0])
        for k, value in enumerate((1.0, d, d * d, r)):
            sums[k] += value


def _means(totals: _Totals) -> pd.DataFrame:
    """Return one row per bond of each molecule: n, mean and standard deviation of D, mean r."""
    columns = (C.MOLECULE, C.SMILES, C.I, C.J, C.S_X, C.S_Y, C.S_Z, C.BOND_TYPE, C.FINE_TYPE)
    keys = pd.DataFrame(list(totals.means), columns=[str(c) for c in columns])
    sums = np.array(list(totals.means.values()), dtype=float).reshape(-1, 4)
    n, d, square, r = sums.T
    keys[C.N] = n.astype(int)
    keys[C.BOND_ENERGY] = d / n
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.maximum(square - d * d / n, 0.0) / (n - 1)
    keys["bond_energy_sd_eV"] = np.where(n > 1, np.sqrt(variance), np.nan)
    keys[C.R] = r / n
    return keys


def _histogram(totals: _Totals) -> pd.DataFrame:
    """Return the non-bonded pairs as counts per element pair, bin of r and bin of D (lower edges)."""
    rows = sorted(totals.histogram.items())
    return pd.DataFrame(
        {
            C.ELEMENTS: [pair for (pair, _, _), _ in rows],
            "r_bin_ang": [round(r * R_BIN_ANG, 10) for (_, r, _), _ in rows],
            "bond_energy_bin_eV": [round(d * D_BIN_EV, 10) for (_, _, d), _ in rows],
            C.COUNT: [count for _, count in rows],
        }
    )


def _summary(totals: _Totals, name: str, run: Mapping[str, Any]) -> dict[str, Any]:
    sums = np.array(list(totals.shares.values()))
    return {
        **run,
        "structures": name,
        "frames": totals.frames,
        "frames_with_changed_bonds": totals.changed,
        "edges": totals.edges,
        "sum_rule_max_abs_eV": totals.sum_rule,
        **_share("bonded_share", sums[:, 0], sums[:, 1]),
        **_share("bonded_share_abs", sums[:, 2], sums[:, 3]),
        "dtype": "float64",
    }


def _share(label: str, part: NDArray[np.float64], whole: NDArray[np.float64]) -> dict[str, float | None]:
    """Return beta, the ratio of sums over molecules, with its jackknife interval; None where there is none."""
    estimate = group_ratio(part, whole)
    ends = {label: estimate.value, f"{label}_lo": estimate.lo, f"{label}_hi": estimate.hi}
    return {key: value if np.isfinite(value) else None for key, value in ends.items()}
