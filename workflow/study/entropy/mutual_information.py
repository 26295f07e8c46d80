"""What D tells of the bond type, what it tells beyond the elements, and what the bond length tells."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from e3d.decomposition.decomposed import Decomposed
from e3d.fields import Column as C
from e3d.statistics import jackknife_groups, replicates
from study.entropy import knn
from study.entropy.bins import Bins, Ints, binned, joint
from study.entropy.counts import counted, information
from study.entropy.intervals import Floats, estimate, is_saturated
from study.entropy.tables import forms

MEASURE = "measure"
_SCALED = "/sd"
_MEASURES: dict[str, tuple[tuple[str, ...], bool]] = {
    "I(D; type)": (("D",), False),
    "I(D/sd; type)": (("D/sd",), False),
    "I(D; order | elements)": (("D",), True),
    "I(r; type)": (("r",), False),
    "I(r; order | elements)": (("r",), True),
    "I(D/sd; type) - I(r; type)": (("D/sd", "r"), False),
    "I(D; order | elements) - I(r; order | elements)": (("D", "r"), True),
}
"""What tells, less what else tells of the same, and whether the elements are known."""


@dataclass(frozen=True)
class _Target:
    """What is told, of n bonds: their type (n,), given ``given`` (n,); with the jackknife's groups (n,)."""

    kind: Ints
    given: Ints
    groups: Ints

    def told_in_bins(self, labels: Ints) -> tuple[Floats, Floats]:
        """Return I(bin; type | given), plain and corrected, with replicates, for bins ``labels`` (n,)."""
        return information(labels, self.kind, self.given, self.groups)

    def told(self, values: Floats, neighbours: int) -> tuple[Floats, Floats]:
        """Return I(value; type | given) of ``values`` (n,) without bins, H(type | given) of the same bonds."""
        table = knn.Told.sort(values, self.kind, self.given)
        told = replicates(lambda keep: knn.information(table, keep, neighbours), self.groups)
        several = counted(self.kind, self.given, self.groups, at_least=2)
        return told, several.mean(several.corrected)


def decomposability_table(part: Decomposed, bins: Bins) -> pd.DataFrame:
    """Return what D tells of the bond type, what it tells beyond the elements, and what r tells.

    ``fraction`` divides the information by the entropy of what is told, so that 1 is everything:
    I(D; type) / H(type) is the decomposability; I(r; type) / H(type) the baseline of geometry alone.
    Columns with ``knn`` are from nearest neighbours, on the bonds whose type has another: without bins, and
    without a unit, so that D and D/sd tell the same. Differences have intervals of their own.
    """
    bonds = part.bonds
    kinds = bonds[C.BOND_TYPE].to_numpy(dtype=str)
    kind = np.unique(kinds, return_inverse=True)[1]
    elements = np.unique([_elements(name) for name in kinds], return_inverse=True)[1]
    groups = jackknife_groups(np.unique(bonds[C.MOLECULE], return_inverse=True)[1])
    r = bonds[C.R].to_numpy(dtype=float)
    d = bonds[C.BOND_ENERGY].to_numpy(dtype=float)
    labels = {form.name: binned(form.of(d), form.width) for form in forms("D", part, bins)}
    labels["r"] = binned(r, bins.r_ang)
    values = {"D": d, "r": r}
    rows: dict[str, dict[str, Any]] = {}
    for beyond, given in ((False, np.zeros_like(kind)), (True, elements)):
        target = _Target(kind, given, groups)
        measures = {name: terms for name, (terms, known) in _MEASURES.items() if known == beyond}
        rows |= _rows(measures, target, labels, values, bins.neighbours)
    about = {C.N: len(bonds), C.N_MOLECULES: int(bonds[C.MOLECULE].nunique())}
    return pd.DataFrame(
        [
            {C.STRUCTURES: part.structures, MEASURE: name, **about, **rows[name]}
            for name in _MEASURES
        ]
    )


def _rows(
    measures: dict[str, tuple[str, ...]],
    target: _Target,
    labels: dict[str, Ints],
    values: dict[str, Floats],
    neighbours: int,
) -> dict[str, dict[str, Any]]:
    """Return the columns of each measure of one target; every information is computed once."""
    names = sorted({name for terms in measures.values() for name in terms})
    free_of = {name: name.removesuffix(_SCALED) for name in names}
    in_bins = {name: target.told_in_bins(labels[name]) for name in names}
    plain, corrected = ({name: pair[which] for name, pair in in_bins.items()} for which in (0, 1))
    without_unit = {
        name: target.told(values[name], neighbours) for name in sorted(set(free_of.values()))
    }
    free = {name: without_unit[of][0] for name, of in free_of.items()}
    saturated = {name for name in names if is_saturated(joint(labels[name], target.kind))}
    of_kind = counted(target.kind, target.given, target.groups)
    whole_plain, whole = of_kind.mean(of_kind.plain), of_kind.mean(of_kind.corrected)
    rows = {}
    for measure, terms in measures.items():
        told, told_plain = _difference(corrected, terms), _difference(plain, terms)
        told_free, whole_free = _difference(free, terms), without_unit[free_of[terms[0]]][1]
        lies = not saturated.isdisjoint(terms)
        rows[measure] = {
            "information_nats": told_plain[0],
            **estimate(told, saturated=lies).columns("information_mm_nats"),
            "target_entropy_nats": whole_plain[0],
            "fraction": _share(told_plain, whole_plain)[0],
            **estimate(_share(told, whole), saturated=lies).columns("fraction_mm"),
            **estimate(told_free).columns("information_knn_nats"),
            **estimate(_share(told_free, whole_free)).columns("fraction_knn"),
        }
    return rows


def _difference(of: Mapping[str, Floats], terms: Sequence[str]) -> Floats:
    """Return the first term, less the second if there is one."""
    return of[terms[0]] - of[terms[1]] if len(terms) > 1 else of[terms[0]]


def _share(told: Floats, whole: Floats) -> Floats:
    """Return told / whole, NaN where there is nothing to tell."""
    return np.divide(told, whole, out=np.full_like(told, np.nan), where=whole > 0)


def _elements(kind: str) -> str:
    return re.sub("[=#:~]", "-", kind)
