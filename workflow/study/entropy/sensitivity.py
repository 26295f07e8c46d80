"""How the entropy of D depends on bins and sample: widths, and parts of the molecules."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from e3d.arrays import Ints, Masks
from e3d.decomposition.decomposed import Decomposed
from e3d.fields import Column as C
from study.entropy import fields
from study.entropy import nearest_neighbours as knn
from study.entropy.bins import binned, counted

WIDTHS_EV: Final = (0.01, 0.02, 0.05, 0.1, 0.2)
SHARES: Final = (1 / 8, 1 / 4, 1 / 2, 1.0)
DRAWS: Final = 20
SEED: Final = 0
"""Seed of the draws: the same molecules for all runs on the same structures."""
MIN_MOLECULES: Final = 2


def sensitivity_table(part: Decomposed, neighbours: int) -> pd.DataFrame:
    """Return h(D) in nats by share of the molecules, estimator and bin width.

    Parts are of whole molecules, drawn without repetition; numbers are means over ``DRAWS`` of
    them, the same for every estimator, with the standard deviation between draws. All of the
    molecules are one draw. Entropies in bins are given as H + ln w; the nearest-neighbour estimate
    has no width. All are of the same values: within types, those whose type has another in the
    part.
    """
    d = part.bonds[C.BOND_ENERGY].to_numpy(dtype=float)
    kinds = np.unique(part.bonds[C.BOND_TYPE].to_numpy(dtype=str), return_inverse=True)[1]
    molecule = np.unique(part.bonds[C.MOLECULE], return_inverse=True)[1]
    tables = {
        fields.ALL: knn.ByLabel.sort(d, np.zeros_like(kinds)),
        fields.WITHIN: knn.ByLabel.sort(d, kinds),
    }
    rows = []
    for n_molecules, draws in _draws(molecule):
        for name, table in tables.items():
            drawn = [table.part(keep) for keep in draws]
            found = [_entropies(one, neighbours) for one in drawn]
            about: dict[str, Any] = {
                **{C.STRUCTURES: part.structures, fields.QUANTITY: fields.D, C.BOND_TYPE: name},
                **{C.N_MOLECULES: n_molecules, C.N: np.mean([len(one.rows) for one in drawn])},
                "draws": len(draws),
            }
            for estimator, width in found[0]:
                values = np.array([one[estimator, width] for one in found])
                spread = float(values.std(ddof=1)) if len(draws) > 1 else np.nan
                how = {fields.ESTIMATOR: estimator, fields.WIDTH: width}
                rows.append(
                    about
                    | how
                    | {fields.DIFFERENTIAL: values.mean(), fields.DIFFERENTIAL_SD: spread}
                )
    return pd.DataFrame(rows)


def _draws(molecule: Ints) -> Iterator[tuple[int, list[Masks]]]:
    """Yield numbers of molecules and the rows (n,) of each draw of so many."""
    rng = np.random.default_rng(SEED)
    total = int(molecule.max()) + 1
    for n in sorted({max(round(share * total), min(MIN_MOLECULES, total)) for share in SHARES}):
        chosen = [rng.permutation(total)[:n] for _ in range(DRAWS if n < total else 1)]
        yield n, [np.isin(molecule, some) for some in chosen]


def _entropies(part: knn.ByLabel, neighbours: int) -> dict[tuple[str, float], float]:
    """Return h of one draw by estimator and bin width, NaN where no type has two values."""
    found = {(fields.NEIGHBOURS, np.nan): knn.differential_entropy(part, neighbours)}
    for width in WIDTHS_EV:
        both = (np.nan, np.nan)
        if len(part.values):
            here = counted(binned(part.values, width), part.labels)
            both = (float(here.mean(here.plain)[0]), float(here.mean(here.corrected)[0]))
        for name, h in zip((fields.PLUG_IN, fields.MILLER_MADOW), both, strict=True):
            found[name, width] = h + float(np.log(width))
    return found
