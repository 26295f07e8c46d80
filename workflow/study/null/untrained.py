"""The network before training: D of the named bonds for many seeds of the weights.

It is built as a training builds it (same architecture, scale, shifts and Nbar), so that its D is
what the architecture alone makes of a geometry. The size of D is that of the initial weights: only
its rank correlations mean anything.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from allegro.model import AllegroModel  # type: ignore[import-untyped]
from nequip.utils.global_state import set_global_state

from e3d import tables
from e3d.decomposition.rows import Decomposer
from e3d.decomposition.totals import Means
from e3d.fields import NAMED_BONDS, RUN_COLUMNS
from e3d.fields import Column as C
from e3d.models import AnalysisModel
from e3d.models.precision import as_float64
from e3d.options import read_yaml
from e3d.potential import EdgePotential
from e3d.structures import Structure, from_file
from study.run_settings import RunSettings
from study.train.kernels import SHIPPED
from study.train.render import Statistics, render, statistics

log = logging.getLogger(__name__)

FIRST_SEED = 10_000
"""Seeds of trained networks stay far below."""


def write_table(run: Path, named: Path, seeds: int, output: Path) -> None:
    """Write D of every bond of the ``named`` molecules in untrained networks like RUN.yaml's."""
    settings = RunSettings.from_dict(read_yaml(run))
    stats = statistics(Path(settings.store), Path(settings.splits), settings.architecture.r_max)
    structures = list(from_file(named))
    parts = []
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        model = build(settings, stats, seed)
        part = bond_energies(model, [one for one in structures if model.knows(one)])
        part.insert(0, C.STRUCTURES, NAMED_BONDS)
        name = f"{settings.dataset}/n0/{settings.model}/s{seed}"
        values = (name, settings.dataset, 0, settings.model, seed)
        parts.append(tables.with_run(part, dict(zip(RUN_COLUMNS, values, strict=True))))
    log.info("%d untrained networks of %s", seeds, settings.model)
    inputs = [run, Path(settings.store), Path(settings.splits), named]
    tables.write(pd.concat(parts, ignore_index=True), output, inputs=inputs)


def build(run: RunSettings, stats: Statistics, seed: int) -> AnalysisModel:
    """Return the network, in float64, that a training of ``run`` with this seed starts from."""
    set_global_state()
    rendered = render(run, stats, Path(), {"kernels": SHIPPED})
    config: dict[str, Any] = rendered["training_module"]["model"]
    settings = {name: value for name, value in config.items() if name != "_target_"}
    network = as_float64(AllegroModel(**{**settings, "seed": seed}))
    return AnalysisModel(network, Path("untrained"), "cpu")


def bond_energies(model: EdgePotential, structures: Sequence[Structure]) -> pd.DataFrame:
    """Return D (eV) of every bond of each molecule, the mean over its frames."""
    decomposer, means = Decomposer(model), Means()
    for batch in decomposer.batches(structures):
        means.add_bonds(batch)
    table = means.table(decomposer.labels)
    return table[[C.MOLECULE, C.SMILES, C.I, C.J, C.BOND_TYPE, C.BOND_ENERGY]]
