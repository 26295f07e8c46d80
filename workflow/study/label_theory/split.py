"""How far D is from the literature, split into the labels' own error and what D does not represent of the labels.

    D - literature  =  (D - value at the labels' level)  +  (value at the labels' level - literature)

The first part is the representation's, the second the level of theory's. Only De and mean bond energies are electronic
energies, so only they can be computed at the labels' level without vibrations; BDE298 cannot be split.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from e3d import tables
from e3d.fields import Column as C
from e3d.statistics import deletions, estimate, interval_columns
from e3d.statistics.agreement import BIAS, MAE, scores
from e3d.units import EV_KCAL_MOL

KINDS: Final = ("de", "mean_bond_energy")
"""The references that exist at the labels' level."""
_PARTS: Final = ("total", "representation", "labels")
_BOND_COLUMNS = (
    *(
        C.STRUCTURES,
        C.GEOMETRY,
        "bond",
        C.BOND_TYPE,
        C.MOLECULE,
        C.IN_TRAINING,
        "reference",
        C.BOND_ENERGY,
    ),
    *("label_eV", "literature_eV", *(f"{part}_error_eV" for part in _PARTS)),
)
_SUMMARY_COLUMNS = (
    *(C.GEOMETRY, "reference", "n_bonds", "n_molecules"),
    *interval_columns(*(f"{part}_{score}" for part in _PARTS for score in (MAE, BIAS))),
    *interval_columns("excess_mae_eV"),
)


def split_bonds(named: pd.DataFrame, label_level: pd.DataFrame) -> pd.DataFrame:
    """Return one row per named bond, geometry and reference that exists at the labels' level.

    Parameters
    ----------
    named
        ``<run>.named.csv`` of the bde stage.
    label_level
        ``resources/label_level.csv``: De and mean bond energy of named bonds at the labels' level, kcal/mol.
    """
    known = label_level.set_index("bond")
    rows = []
    for kind in KINDS:
        label = named["bond"].map(known[f"{kind}_kcal_mol"]) / EV_KCAL_MOL
        part = named[label.notna()]
        literature = part[f"{kind}_eV"]
        rows.append(
            pd.DataFrame(
                {
                    **{name: part[name] for name in _BOND_COLUMNS[:6]},
                    "reference": kind,
                    C.BOND_ENERGY: part[C.BOND_ENERGY],
                    "label_eV": label[part.index],
                    "literature_eV": literature,
                    "total_error_eV": part[C.BOND_ENERGY] - literature,
                    "representation_error_eV": part[C.BOND_ENERGY] - label[part.index],
                    "labels_error_eV": label[part.index] - literature,
                }
            )
        )
    return pd.concat(rows, ignore_index=True)[list(_BOND_COLUMNS)]


def summary(bonds: pd.DataFrame) -> pd.DataFrame:
    """Return MAE and bias of the three errors over the bonds that have all of them, with jackknife intervals.

    ``excess_mae_eV`` is the MAE of the representation minus that of the labels, on the same bonds: above zero, D is
    further from the labels than the labels are from the literature.
    """
    rows = []
    whole = bonds[bonds["literature_eV"].notna()]
    for (place, kind), part in whole.groupby([C.GEOMETRY, "reference"], sort=False):
        rows.append({C.GEOMETRY: place, "reference": kind, **_row(part)})
    return pd.DataFrame(rows, columns=[str(name) for name in _SUMMARY_COLUMNS])


def _row(part: pd.DataFrame) -> dict[str, Any]:
    groups = np.unique(part[C.MOLECULE], return_inverse=True)[1]
    errors = np.stack([part[f"{name}_error_eV"].to_numpy(dtype=float) for name in _PARTS])
    kinds = part[C.BOND_TYPE].to_numpy(dtype=object)
    found = scores(errors, np.zeros(len(part)), kinds, deletions(groups))
    row: dict[str, Any] = {"n_bonds": len(part), "n_molecules": int(groups.max()) + 1}
    replicates = {
        f"{name}_{score}": found[score][k] for k, name in enumerate(_PARTS) for score in (MAE, BIAS)
    }
    replicates["excess_mae_eV"] = found[MAE][1] - found[MAE][2]
    for label, values in replicates.items():
        row |= estimate(values).columns(label)
    return row


def read_label_level(path: Path) -> pd.DataFrame:
    """Read ``resources/label_level.csv`` or a table like it."""
    return tables.read(path, columns=("bond", *(f"{kind}_kcal_mol" for kind in KINDS)))
