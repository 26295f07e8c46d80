"""What D says about the bond type, also beyond the elements, and what the bond length says."""

import re
from dataclasses import dataclass
from functools import reduce
from operator import sub
from typing import Any, Final

import numpy as np
import pandas as pd

from e3d.arrays import Floats, Ints
from e3d.decomposition.decomposed import Decomposed
from e3d.fields import Column as C
from e3d.statistics import jackknife_groups, replicates
from study.entropy import bins, fields
from study.entropy import nearest_neighbours as knn
from study.entropy.bins import Bins, estimate
from study.entropy.entropies import forms

_MEASURES: Final[dict[str, tuple[tuple[str, ...], bool]]] = {
    fields.TYPE_BY_D: ((fields.D,), False),
    fields.TYPE_BY_SCALED_D: ((fields.SCALED_D,), False),
    fields.ORDER_BY_D: ((fields.D,), True),
    fields.TYPE_BY_R: ((fields.R,), False),
    fields.ORDER_BY_R: ((fields.R,), True),
    fields.TYPE_BEYOND_R: ((fields.SCALED_D, fields.R), False),
    fields.ORDER_BEYOND_R: ((fields.D, fields.R), True),
}
"""Whose information, less whose, and whether the elements are given."""


@dataclass(frozen=True)
class _Information:
    """I(x; type | given) in nats with its replicates (replicates,): in bins, and from neighbours.

    ``saturated``: every bond is in a bin of its own.
    """

    plain: Floats
    corrected: Floats
    free: Floats
    saturated: bool

    def __sub__(self, other: "_Information") -> "_Information":
        return _Information(
            self.plain - other.plain,
            self.corrected - other.corrected,
            self.free - other.free,
            self.saturated or other.saturated,
        )


@dataclass(frozen=True)
class _Target:
    """The types (n,) of n bonds within ``given`` (n,), and the jackknife's groups (n,)."""

    kind: Ints
    given: Ints
    groups: Ints

    def information(
        self, labels: dict[str, Ints], values: dict[str, Floats], neighbours: int
    ) -> dict[str, _Information]:
        """Return the information of each quantity from its bins (n,) and from its values (n,)."""
        free = {name: self._without_bins(one, neighbours) for name, one in values.items()}
        return {
            name: _Information(
                *bins.information(one, self.kind, self.given, self.groups),
                free[name.removesuffix(fields.SCALED)],
                bins.is_saturated(bins.joint(one, self.kind)),
            )
            for name, one in labels.items()
        }

    def _without_bins(self, values: Floats, neighbours: int) -> Floats:
        table = knn.Labelled.sort(values, self.kind, self.given)
        return replicates(lambda keep: knn.information(table, keep, neighbours), self.groups)

    def columns(self, found: _Information) -> dict[str, Any]:
        """Return the columns of an information, and of its share of the types' entropy."""
        whole = bins.counted(self.kind, self.given, self.groups)
        several = bins.counted(self.kind, self.given, self.groups, at_least=2)
        plain = whole.mean(whole.plain)
        share = _share(found.corrected, whole.mean(whole.corrected))
        share_free = _share(found.free, several.mean(several.corrected))
        lies = found.saturated
        return {
            fields.INFORMATION: found.plain[0],
            **estimate(found.corrected, saturated=lies).columns(fields.INFORMATION_MM),
            fields.TARGET_ENTROPY: plain[0],
            fields.FRACTION: _share(found.plain, plain)[0],
            **estimate(share, saturated=lies).columns(fields.FRACTION_MM),
            **estimate(found.free).columns(fields.INFORMATION_KNN),
            **estimate(share_free).columns(fields.FRACTION_KNN),
        }


def decomposability_table(part: Decomposed, widths: Bins) -> pd.DataFrame:
    """Return what D says about the bond type, what beyond the elements, and what r says.

    ``fraction`` divides the information by the entropy of the type, so that 1 is everything:
    I(D; type) / H(type) is the decomposability, I(r; type) / H(type) the baseline of geometry
    alone. Columns with ``knn`` are from nearest neighbours, on the bonds whose type has another:
    without bins, and without a unit, so that D and D/sd have the same. Differences have intervals
    of their own.
    """
    bonds = part.bonds
    kinds = bonds[C.BOND_TYPE].to_numpy(dtype=str)
    kind = np.unique(kinds, return_inverse=True)[1]
    elements = np.unique([re.sub("[=#:~]", "-", name) for name in kinds], return_inverse=True)[1]
    groups = jackknife_groups(np.unique(bonds[C.MOLECULE], return_inverse=True)[1])
    d, r = (bonds[name].to_numpy(dtype=float) for name in (C.BOND_ENERGY, C.R))
    labels = {
        **{one.name: bins.binned(one.of(d), one.width) for one in forms(fields.D, part, widths)},
        fields.R: bins.binned(r, widths.r_ang),
    }
    targets = [_Target(kind, given, groups) for given in (np.zeros_like(kind), elements)]
    found = []
    for beyond, target in enumerate(targets):
        used = {name for terms, given in _MEASURES.values() if given == beyond for name in terms}
        shown = {name: one for name, one in labels.items() if name in used}
        found.append(target.information(shown, {fields.D: d, fields.R: r}, widths.neighbours))
    about = {C.N: len(bonds), C.N_MOLECULES: int(bonds[C.MOLECULE].nunique())}
    return pd.DataFrame(
        {
            **{C.STRUCTURES: part.structures, fields.MEASURE: measure, **about},
            **targets[beyond].columns(reduce(sub, (found[beyond][name] for name in terms))),
        }
        for measure, (terms, beyond) in _MEASURES.items()
    )


def _share(of: Floats, whole: Floats) -> Floats:
    """Return of / whole, NaN where the whole is nothing."""
    return np.divide(of, whole, out=np.full_like(of, np.nan), where=whole > 0)
