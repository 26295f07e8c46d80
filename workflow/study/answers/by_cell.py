"""What each cell of the study gives, as a whole and for each bond type."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import numpy as np

from e3d.arrays import Masks
from e3d.fields import Column as C
from e3d.statistics import Estimate, interval_columns
from study.answers import estimates
from study.answers.cells import Cell, Study
from study.answers.estimates import MIN_SEEDS, OfBonds, bias_of, less, of_values
from study.fields import CELL

MIN_BONDS: Final = 20
"""Bonds with De that a type needs."""
_SLOPES: Final = ("slope_on_de", "own_de_slope_on_de")
OF_TYPES: Final = (
    *(*CELL, C.N_PARAMETERS, "n_seeds", C.BOND_TYPE, "n_de", "n_molecules"),
    *(f"mean_{name}_eV" for name in ("d", "own_de", "de", "mean_bond_energy")),
    *(column for name in _SLOPES for column in interval_columns(name)),
)
"""Columns of the table of types; means are over the bonds that De is known of."""


def cell_row(study: Study, cell: Cell) -> dict[str, Any]:
    """Return what a cell gives: errors, slopes, spread over seeds, decomposability."""
    row = _of(cell)
    taught = estimates.known(study, cell.teacher)
    recovered = estimates.error_of(cell, cell.teacher)
    row |= _estimated(study, cell, taught, recovered).columns("mae_teacher_eV")
    for name, truth in (("de", cell.de), ("mean_bond_energy", cell.mean)):
        rows, error = estimates.known(study, truth, cell.additive), estimates.error_of(cell, truth)
        row[f"n_{name}"] = int(rows.sum())
        numbers: dict[str, OfBonds] = {
            f"mae_{name}_eV": error,
            f"bias_{name}_eV": bias_of(cell.d, truth),
            f"additivity_mae_{name}_eV": of_values(cell.additive, truth),
        }
        if name == "de":
            numbers["less_additivity_eV"] = less(error, of_values(cell.additive, truth))
        for column, statistic in numbers.items():
            row |= _estimated(study, cell, rows, statistic).columns(column)
    row |= _slopes_and_own(study, cell)
    with_both = estimates.known(study, cell.de, cell.mean)
    nearer = less(estimates.error_of(cell, cell.de), estimates.error_of(cell, cell.mean))
    row |= _estimated(study, cell, with_both, nearer).columns("de_less_mean_eV")
    every = estimates.known(study, cell.d[0])
    for name in ("d", "energy"):
        spread = partial(estimates.log_spread, getattr(cell, name))
        several = every if cell.n_seeds >= MIN_SEEDS else np.zeros_like(every)
        found = _estimated(study, cell, several, spread)
        row |= found.transformed(lambda x: 10.0**x).columns(f"sd_{name}_eV")
    row["decomposability"] = float(
        np.mean([estimates.decomposability(study, d, every) for d in cell.d])
    )
    row["decomposability_of_length"] = estimates.decomposability(study, study.length, every)
    return row


def _slopes_and_own(study: Study, cell: Cell) -> dict[str, Any]:
    """Return slopes on De within types, of D and the model's own De, and errors of the latter."""
    slope = estimates.slope_within
    rows, own = estimates.known(study, cell.de), estimates.known(study, cell.de, *cell.own_de)
    numbers: dict[str, tuple[Masks, OfBonds]] = {
        "slope_on_de": (rows, partial(slope, study.kind, cell.d, cell.de)),
        "slope_on_de_of_hybridisation": (rows, partial(slope, study.fine, cell.d, cell.de)),
        "own_de_slope_on_de": (own, partial(slope, study.kind, cell.own_de, cell.de)),
        "own_de_mae_de_eV": (own, partial(estimates.error, cell.own_de, cell.de)),
        "own_de_bias_de_eV": (own, bias_of(cell.own_de, cell.de)),
    }
    return {
        name: value
        for column, (some, statistic) in numbers.items()
        for name, value in _estimated(study, cell, some, statistic).columns(column).items()
    }


def type_rows(study: Study, cell: Cell) -> Iterator[dict[str, Any]]:
    """Yield a row for each bond type with enough bonds: mean energies, and slopes on De."""
    known = estimates.known(study, cell.de, *cell.own_de)
    for number, name in enumerate(study.types):
        rows = np.asarray(known & (study.kind == number))
        if rows.sum() < MIN_BONDS:
            continue
        row = _of(cell) | {C.BOND_TYPE: name, "n_de": int(rows.sum())}
        row["n_molecules"] = len(np.unique(study.molecule[rows]))
        means = (("d", cell.d), ("own_de", cell.own_de), ("de", cell.de))
        for column, values in (*means, ("mean_bond_energy", cell.mean)):
            row[f"mean_{column}_eV"] = float(values[..., rows].mean())
        for column, values in zip(_SLOPES, (cell.d, cell.own_de), strict=True):
            slope = partial(estimates.slope_within, study.kind, values, cell.de)
            row |= _estimated(study, cell, rows, slope).columns(column)
        yield row


def _of(cell: Cell) -> dict[str, Any]:
    row: dict[str, Any] = dict(zip(CELL, cell.key, strict=True))
    return row | {C.N_PARAMETERS: cell.n_parameters, "n_seeds": cell.n_seeds}


def _estimated(study: Study, cell: Cell, rows: Masks, statistic: OfBonds) -> Estimate:
    if not rows.any():
        return Estimate(float("nan"))
    return estimates.over_rows(study.molecule, rows, statistic, cell.n_seeds).estimate
