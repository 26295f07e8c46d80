"""The rigidity of D of the named bonds for one run: SDs that the Gauss-Newton matrix predicts."""

import itertools
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from e3d import lineage, tables
from e3d.arrays import Floats
from e3d.fields import Column as C
from e3d.models import AnalysisModel, load_model
from e3d.named_bonds.table import find_named, read_references
from e3d.options import read_yaml, run_columns
from e3d.store.reader import StoreReader
from e3d.store.splits import read_subset
from e3d.structures import Structure, from_file, from_store
from study.gauge import fields
from study.gauge.derivatives import Differentiable, scaled_rows
from study.gauge.gauss_newton import REGULARISERS, Rigidity, gauss_newton
from study.run_settings import RunSettings

MAX_ROWS: Final = 6000
"""Energies and force components used at most: with 4000 weights about half a minute."""
MAX_PARAMETERS: Final = 8000
_FRAMES_PER_BLOCK: Final = 32
_QUANTITY: Final = ("kind", "bond", str(C.BOND_TYPE), str(C.MOLECULE), fields.VALUE)
_PREDICTED: Final = (
    *(fields.SIGMA2, fields.SD, "rigidity_per_eV2", "null_share", "effective_rank"),
    *("n_parameters", "n_rows", "n_frames_used"),
)
Quantity = tuple[str, str, str, str, float]
"""Kind, named bond, bond type, SMILES and value (eV) of what an SD is predicted for."""
log = logging.getLogger(__name__)


def write_table(
    model: Path,
    store: Path,
    subset: Path,
    run: Path,
    named: Path,
    means: Path,
    bde: Path,
    bond_energies: Path,
    output: Path,
) -> None:
    """Write the rigidities of one run; ``run`` is its RUN.yaml.

    A model of more than ``MAX_PARAMETERS`` weights, or without derivatives by its weights, has a
    table without rows.
    """
    settings = RunSettings.from_dict(read_yaml(run))
    columns = run_columns(run)
    loaded = load_model(model)
    lineage.require_run(loaded, columns)
    network = Differentiable(loaded) if isinstance(loaded, AnalysisModel) else None
    if network is None or network.n_parameters > MAX_PARAMETERS:
        log.warning("%s: no rows, as its matrix is not known or too large", model)
        table = pd.DataFrame(columns=[*_QUANTITY, *_PREDICTED])
    else:
        with StoreReader(store) as reader:
            frames, hashes = read_subset(subset, reader)
            lineage.require_training(loaded, hashes, subset)
            structures = list(from_store(reader, frames))
        used = sample(structures)
        log.info("%d of %d training frames used", len(used), len(structures))
        network.differentiate_forces()
        weights = settings.training.energy_weight, settings.training.force_weight
        blocks = _blocks(scaled_rows(network, used, *weights))
        found = gauss_newton(blocks, network.n_parameters, len(structures) / max(len(used), 1))
        reference = read_references(bde, bond_energies)
        of_run = tables.read(means, run=columns)
        quantities, g = _quantities(network, list(from_file(named)), of_run, reference)
        table = rigidity_table(found, quantities, g, len(used))
    tables.write_of_run({"": table}, output, columns, inputs=[model, store, subset, means])


def sample(structures: Sequence[Structure]) -> list[Structure]:
    """Return evenly spaced frames with at most about ``MAX_ROWS`` energies and force components."""
    rows = sum(1 + 3 * len(structure.atomic_numbers) for structure in structures)
    n = min(len(structures), max(1, int(len(structures) * MAX_ROWS / rows)))
    places = np.unique(np.linspace(0, len(structures) - 1, n).astype(int))
    return [structures[place] for place in places]


def _blocks(rows: Iterator[tuple[Floats, Floats]]) -> Iterator[tuple[Floats, Floats]]:
    """Join the rows of frames into blocks of some hundred: one product each, not one a frame."""
    while many := list(itertools.islice(rows, _FRAMES_PER_BLOCK)):
        yield np.concatenate([one[0] for one in many]), np.concatenate([one[1] for one in many])


def _quantities(
    model: Differentiable,
    named: Sequence[Structure],
    means: pd.DataFrame,
    reference: pd.DataFrame,
) -> tuple[list[Quantity], Floats]:
    """Return quantities (Q) and their derivatives (Q, P): bonds, sums, energies, types, contrasts.

    ``means`` has a row per bond of each of the ``named`` molecules.
    """
    structures = {one.smiles: one for one in named if model.knows(one)}
    by_molecule: dict[str, list[tuple[str, pd.DataFrame]]] = {}
    for entry, place in find_named(means, reference):
        bonds = means.iloc[place]
        by_molecule.setdefault(str(bonds[C.MOLECULE].iloc[0]), []).append((entry["bond"], bonds))
    rows: list[Quantity] = []
    derivatives: list[Floats] = []
    for smiles, found in by_molecule.items():
        if smiles not in structures:
            continue
        ends = [(int(i), int(j)) for _, one in found for i, j in one[[C.I, C.J]].to_numpy()]
        values, g = model.bond_rows(structures[smiles], ends)
        start = 0
        for bond, one in found:
            part = slice(start, start := start + len(one))
            value = float(values[part].mean())
            rows.append((fields.BOND, bond, str(one[C.BOND_TYPE].iloc[0]), smiles, value))
            derivatives.append(g[part].mean(axis=0))
        for kind, last in ((fields.SUM, -2), (fields.ENERGY, -1)):
            rows.append((kind, "", "", smiles, float(values[last])))
            derivatives.append(g[last])
    return combined(rows, np.array(derivatives).reshape(len(rows), model.n_parameters))


def combined(rows: Sequence[Quantity], g: Floats) -> tuple[list[Quantity], Floats]:
    """Add the mean of each bond type, and differences of means and of bonds of a molecule."""
    table = pd.DataFrame(rows, columns=list(_QUANTITY))
    bonds = table[table["kind"] == fields.BOND]
    more: list[Quantity] = []
    added = [g]
    means = {
        str(kind): (float(part[fields.VALUE].mean()), g[part.index].mean(axis=0))
        for kind, part in bonds.groupby(C.BOND_TYPE)
    }
    for kind, (value, of_type) in means.items():
        more.append((fields.TYPE, "", kind, "", value))
        added.append(of_type[None])
    for (one, first), (other, second) in itertools.combinations(means.items(), 2):
        more.append((fields.OF_TYPES, "", f"{other} minus {one}", "", second[0] - first[0]))
        added.append((second[1] - first[1])[None])
    for smiles, part in bonds.groupby(C.MOLECULE):
        named = zip(part.index, part["bond"], part[fields.VALUE], strict=True)
        for (a, first_bond, low), (b, second_bond, high) in itertools.combinations(named, 2):
            name = f"{second_bond} minus {first_bond}"
            more.append((fields.IN_MOLECULE, name, "", str(smiles), high - low))
            added.append((g[b] - g[a])[None])
    return [*rows, *more], np.concatenate(added)


def rigidity_table(
    found: Rigidity, quantities: Sequence[Quantity], g: Floats, n_frames: int
) -> pd.DataFrame:
    """Return a row per quantity and regulariser.

    Predicted SD (eV), rigidity (1/eV^2), and the part of g (Q, P) in the null space.
    """
    table = pd.DataFrame(quantities, columns=list(_QUANTITY))
    shares, parts = found.null_share(g), []
    for relative in REGULARISERS:
        variance, rank = found.variances(g, relative), found.effective_rank(relative)
        with np.errstate(divide="ignore"):
            predicted = (relative, np.sqrt(variance), 1 / variance, shares, rank)
        facts = (g.shape[1], found.n_rows, n_frames)
        parts.append(table.assign(**dict(zip(_PREDICTED, (*predicted, *facts), strict=True))))
    return pd.concat(parts, ignore_index=True)
