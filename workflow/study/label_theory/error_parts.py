"""How far D is from the literature: the labels' share of it, and the representation's.

    D - literature  =  (D - value at the labels' level) + (value at the labels' level - literature)

The first part is the representation's, the second the level of theory's. Only electronic energies
can be computed at the labels' level without vibrations; BDE298 cannot be split.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from e3d import tables
from e3d.fields import Column as C
from e3d.named_bonds.references import REFERENCES, Reference
from e3d.statistics import deletions, estimate, interval_columns
from e3d.statistics.agreement import BIAS, MAE, scores
from e3d.units import EV_KCAL_MOL

TOTAL, REPRESENTATION, LABELS = PARTS = ("total", "representation", "labels")
"""Differences: D from the literature, D from the labels, the labels from the literature."""
EXCESS: Final = f"excess_{MAE}"
"""MAE of the representation minus that of the labels, on the same bonds."""
_LABEL, _LITERATURE = "label_eV", "literature_eV"
_ERRORS: Final = [f"{part}_error_eV" for part in PARTS]
_NAMED: Final = [C.STRUCTURES, C.GEOMETRY, "bond", C.BOND_TYPE, C.MOLECULE, C.IN_TRAINING]
_SUMMARY_COLUMNS: Final = (
    *(C.GEOMETRY, "reference", "n_bonds", C.N_MOLECULES),
    *interval_columns(*(f"{part}_{score}" for part in PARTS for score in (MAE, BIAS)), EXCESS),
)


def electronic() -> list[Reference]:
    """Return the references that exist at the labels' level of theory."""
    return [one for one in REFERENCES.values() if one.electronic]


def read_label_level(path: Path) -> pd.DataFrame:
    """Read ``resources/label_level.csv`` or a table like it."""
    return tables.read(path, columns=("bond", *(one.kcal_mol for one in electronic())))


def split_bonds(named: pd.DataFrame, label_level: pd.DataFrame) -> pd.DataFrame:
    """Return one row per named bond, geometry and reference that exists at the labels' level.

    Parameters
    ----------
    named
        ``<run>.named.csv`` of the stage ``bde``.
    label_level
        The electronic references of named bonds at the labels' level, kcal/mol.
    """
    known = label_level.set_index("bond")
    rows = []
    for one in electronic():
        label = named["bond"].map(known[one.kcal_mol]) / EV_KCAL_MOL
        part = named[label.notna()]
        d, label, literature = part[C.BOND_ENERGY], label[part.index], part[one.column]
        values = {C.BOND_ENERGY: d, _LABEL: label, _LITERATURE: literature}
        errors = (d - literature, d - label, label - literature)
        values |= dict(zip(_ERRORS, errors, strict=True))
        rows.append(part[_NAMED].assign(reference=one.name, **values))
    return pd.concat(rows, ignore_index=True)


def summary(bonds: pd.DataFrame) -> pd.DataFrame:
    """Return MAE and bias of the three differences over the bonds that have all of them.

    Intervals are jackknives over molecules. ``excess_mae_eV`` above zero: D is further from the
    labels than the labels are from the literature.
    """
    whole = bonds[bonds[_LITERATURE].notna()]
    rows = [
        {C.GEOMETRY: place, "reference": name, **_row(part)}
        for (place, name), part in whole.groupby([C.GEOMETRY, "reference"], sort=False)
    ]
    return pd.DataFrame(rows, columns=list(map(str, _SUMMARY_COLUMNS)))


def _row(part: pd.DataFrame) -> dict[str, Any]:
    groups = np.unique(part[C.MOLECULE], return_inverse=True)[1]
    errors = part[_ERRORS].to_numpy(dtype=float).T
    kinds = part[C.BOND_TYPE].to_numpy(dtype=object)
    found = scores(errors, np.zeros(len(part)), kinds, deletions(groups))
    row: dict[str, Any] = {"n_bonds": len(part), C.N_MOLECULES: int(groups.max()) + 1}
    for k, name in enumerate(PARTS):
        for score in (MAE, BIAS):
            row |= estimate(found[score][k]).columns(f"{name}_{score}")
    return row | estimate(found[MAE][1] - found[MAE][2]).columns(EXCESS)
