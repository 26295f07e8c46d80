"""The rigidity of D of the named bonds for one run: models and files at the edges of :mod:`study.gauge.rigidity`."""

import itertools
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from e3d import tables
from e3d.fields import RUN_COLUMNS
from e3d.fields import Column as C
from e3d.models import load_model
from e3d.options import read_yaml
from e3d.store.reader import StoreReader
from e3d.structures import Structure, from_file, from_store
from study.bde.named import find_named, read_references
from study.config import RunSettings
from study.gauge.derivatives import Array, Differentiable, scaled_rows
from study.gauge.rigidity import REGULARISERS, Rigidity, gauss_newton

MAX_ROWS = 6000
"""Energies and force components used at most: with 4000 weights about half a minute."""
MAX_PARAMETERS = 8000
_FRAMES_PER_BLOCK = 32
COLUMNS = ("kind", "bond", C.BOND_TYPE, C.MOLECULE, "value_eV", "sigma2_relative", "sd_eV", "rigidity_per_eV2",
           "null_share", "effective_rank", "n_parameters", "n_rows", "n_frames_used")  # fmt: skip
log = logging.getLogger(__name__)


def run_table(paths: dict[str, Path], output: Path) -> None:
    """Write the table of rigidities of one run.

    ``paths``: model, store, subset, settings (RUN.yaml), named (structures), means (their decomposition), bde and
    bond_energies (reference tables).
    A model of more than ``MAX_PARAMETERS`` weights has a table without rows.
    """
    run = RunSettings.from_dict(read_yaml(paths["settings"]))
    model = Differentiable(load_model(paths["model"]))
    columns = {str(name): getattr(run, str(name)) for name in RUN_COLUMNS}
    inputs = [paths[name] for name in ("model", "store", "subset", "means")]
    if model.n_parameters > MAX_PARAMETERS:
        log.warning(
            "%d weights are too many for the full matrix: a table without rows", model.n_parameters
        )
        empty = pd.DataFrame(columns=[str(name) for name in COLUMNS])
        tables.write(tables.with_run(empty, columns), output, inputs=inputs)
        return
    model.differentiate_forces()
    frames = tables.read(paths["subset"], columns=(C.FRAME,))[C.FRAME].to_numpy()
    with StoreReader(paths["store"]) as reader:
        structures = list(from_store(reader, frames))
    used = sample(structures)
    log.info("%d of %d training frames used", len(used), len(structures))
    rows = scaled_rows(model, used, run.training.energy_weight, run.training.force_weight)
    found = gauss_newton(_blocks(rows), model.n_parameters, len(structures) / max(len(used), 1))
    quantities, g = _quantities(model, paths)
    table = rigidity_table(found, quantities, g).assign(
        n_parameters=model.n_parameters, n_frames_used=len(used)
    )
    tables.write(
        tables.with_run(table[[str(name) for name in COLUMNS]], columns), output, inputs=inputs
    )


def sample(structures: Sequence[Structure], max_rows: int = MAX_ROWS) -> list[Structure]:
    """Return evenly spaced frames with at most about ``max_rows`` energies and force components."""
    rows = sum(1 + 3 * len(structure.atomic_numbers) for structure in structures)
    n = min(len(structures), max(1, int(len(structures) * max_rows / rows)))
    return [
        structures[index] for index in np.unique(np.linspace(0, len(structures) - 1, n).astype(int))
    ]


def _blocks(rows: Iterator[tuple[Array, Array, int]]) -> Iterator[tuple[Array, Array]]:
    """Join the rows of frames into blocks of some hundred: one product each instead of one a frame."""
    while many := list(itertools.islice(rows, _FRAMES_PER_BLOCK)):
        yield np.concatenate([one[0] for one in many]), np.concatenate([one[1] for one in many])


def _quantities(model: Differentiable, paths: dict[str, Path]) -> tuple[pd.DataFrame, Array]:
    """Return the quantities (Q rows) and their derivatives (Q, P): bonds, sums of D, energies, types, contrasts."""
    means = tables.read(paths["means"])
    reference = read_references(paths["bde"], paths["bond_energies"])
    structures = {s.smiles: s for s in from_file(paths["named"]) if model.knows(s)}
    rows: list[dict[str, Any]] = []
    derivatives: list[Array] = []
    by_molecule: dict[str, list[tuple[str, Any]]] = {}
    for entry, place in find_named(means, reference):
        chosen = means.iloc[place]
        by_molecule.setdefault(str(chosen[C.MOLECULE].iloc[0]), []).append((entry["bond"], chosen))
    for smiles, named in by_molecule.items():
        if smiles not in structures:
            continue
        ends = [
            list(zip(chosen[C.I].astype(int), chosen[C.J].astype(int), strict=True))
            for _, chosen in named
        ]
        values, g = model.bond_rows(structures[smiles], [pair for pairs in ends for pair in pairs])
        start = 0
        for (bond, chosen), pairs in zip(named, ends, strict=True):
            part = slice(start, start := start + len(pairs))
            rows.append(
                _row("bond", bond, smiles, float(values[part].mean()), chosen[C.BOND_TYPE].iloc[0])
            )
            derivatives.append(g[part].mean(axis=0))
        for kind, place_from_end in (("sum of D", -2), ("energy", -1)):
            rows.append(_row(kind, "", smiles, float(values[place_from_end])))
            derivatives.append(g[place_from_end])
    table = pd.DataFrame(rows, columns=list(_row("", "", "", 0.0)))
    return combined(table, np.array(derivatives).reshape(len(rows), model.n_parameters))


def _row(kind: str, bond: str, smiles: str, value: float, bond_type: str = "") -> dict[str, Any]:
    return {
        "kind": kind,
        "bond": bond,
        C.BOND_TYPE: bond_type,
        C.MOLECULE: smiles,
        "value_eV": value,
    }


def combined(table: pd.DataFrame, g: Array) -> tuple[pd.DataFrame, Array]:
    """Add the mean of each bond type, differences of type means, and of two bonds within one molecule."""
    rows, more = [], []
    bonds = table[table["kind"] == "bond"]
    types = {str(kind): part.index.to_numpy() for kind, part in bonds.groupby(C.BOND_TYPE)}
    for kind, index in types.items():
        rows.append(_row("type", "", "", float(table["value_eV"][index].mean()), kind))
        more.append(g[index].mean(axis=0))
    for (one, first), (other, second) in itertools.combinations(
        list(zip(types, more, strict=True)), 2
    ):
        gap = rows[list(types).index(other)]["value_eV"] - rows[list(types).index(one)]["value_eV"]
        rows.append(_row("contrast of types", "", "", gap, f"{other} minus {one}"))
        more.append(second - first)
    for smiles, part in bonds.groupby(C.MOLECULE):
        for a, b in itertools.combinations(part.index, 2):
            name = f"{table['bond'][b]} minus {table['bond'][a]}"
            gap = table["value_eV"][b] - table["value_eV"][a]
            rows.append(_row("contrast in molecule", name, str(smiles), gap))
            more.append(g[b] - g[a])
    if not rows:
        return table, g
    return pd.concat([table, pd.DataFrame(rows)], ignore_index=True), np.concatenate(
        [g, np.array(more)]
    )


def rigidity_table(found: Rigidity, quantities: pd.DataFrame, g: Array) -> pd.DataFrame:
    """Return a row per quantity and regulariser: predicted SD in eV, rigidity, the part of g in the null space."""
    parts = []
    shares = found.null_share(g)
    for relative in REGULARISERS:
        variance = found.variances(g, relative)
        with np.errstate(divide="ignore"):
            part = quantities.assign(
                sigma2_relative=relative,
                sd_eV=np.sqrt(variance),
                rigidity_per_eV2=1 / variance,
                null_share=shares,
            )
        parts.append(
            part.assign(effective_rank=found.effective_rank(relative), n_rows=found.n_rows)
        )
    return pd.concat(parts, ignore_index=True)


def run(output: Path, run: Path, **paths: Path) -> None:
    """Write the rigidities of one run; ``run`` is its RUN.yaml, ``paths`` its other files."""
    run_table(paths | {"settings": run}, output)
