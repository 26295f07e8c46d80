"""How spread the energies on bonds are: a row per quantity and bond type, in bins and without."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from e3d.arrays import Floats, Ints, Masks
from e3d.decomposition.decomposed import Decomposed
from e3d.fields import Column as C
from e3d.statistics import jackknife_groups, replicates
from study.entropy import fields
from study.entropy import nearest_neighbours as knn
from study.entropy.bins import Bins, binned, counted, estimate, is_saturated, joint


@dataclass(frozen=True)
class Form:
    """A quantity as it is put into bins: in ``unit_eV``, in bins of ``width`` in that unit."""

    name: str
    unit_eV: float
    width: float

    def of(self, values: Floats) -> Floats:
        """Return values (n,) given in eV; all zero if the unit is, since then D has no spread."""
        return values / self.unit_eV if self.unit_eV > 0 else np.zeros_like(values)


def forms(name: str, part: Decomposed, bins: Bins) -> tuple[Form, Form]:
    """Return a quantity's forms: in eV, and over the standard deviation of all bonded D."""
    spread = float(np.std(part.bonds[C.BOND_ENERGY].to_numpy(dtype=float)))
    scaled = Form(f"{name}{fields.SCALED}", spread, bins.scaled)
    return Form(name, 1.0, bins.bond_energy_eV), scaled


def quantities(bonds: pd.DataFrame) -> dict[str, tuple[Floats, Ints]]:
    """Return D, eps and A (n,) in eV, and the bond (n,) that each value is of.

    ``eps`` holds both edges of a bond, as two values.
    """
    bond = np.arange(len(bonds))
    eps = bonds[[C.EPS_IJ, C.EPS_JI]].to_numpy(dtype=float).ravel()
    return {
        fields.D: (bonds[C.BOND_ENERGY].to_numpy(dtype=float), bond),
        fields.EPS: (eps, np.repeat(bond, 2)),
        fields.A: (asymmetry(bonds), bond),
    }


def asymmetry(bonds: pd.DataFrame) -> Floats:
    """Return A = eps_ij - eps_ji (n,) in eV with i the lighter atom.

    Between equal elements, where which atom is i means nothing, it is the absolute value.
    """
    a = bonds[C.EPS_IJ].to_numpy(dtype=float) - bonds[C.EPS_JI].to_numpy(dtype=float)
    z_i, z_j = bonds[C.Z_I].to_numpy(), bonds[C.Z_J].to_numpy()
    return np.asarray(np.where(z_i == z_j, np.abs(a), np.where(z_i < z_j, a, -a)))


def entropy_table(part: Decomposed, bins: Bins) -> pd.DataFrame:
    """Return the entropy of every quantity: in bins, plain and corrected, and from neighbours.

    Per bond type, of all bonded pairs together (``all``), and on average within the types (``within
    types``: H(D | type), each type weighted by its number of values). ``quantity`` is ``D`` (bins
    in eV) or ``D/sd``, over the standard deviation of all bonded D of the run; ``eps`` and ``A``
    likewise.

    H + ln w (``differential_binned_nats``) is what compares with the nearest-neighbour estimate
    (``differential_knn_nats``); ``binned_minus_knn_nats`` is their difference on the same values,
    those whose type has another, with an interval of its own.
    """
    kinds = part.bonds[C.BOND_TYPE].to_numpy(dtype=str)
    molecules = np.unique(part.bonds[C.MOLECULE], return_inverse=True)[1]
    types = np.unique(kinds, return_inverse=True)[1]
    rows = []
    for name, (values, bond) in quantities(part.bonds).items():
        samples = {}
        for kind, keep in _parts(kinds[bond]):
            given = types[bond][keep] if kind == fields.WITHIN else np.zeros_like(bond[keep])
            rest = (given, molecules[bond][keep], bins.neighbours)
            samples[kind] = _Sample.of(values[keep], *rest)
        for form in forms(name, part, bins):
            about = {C.STRUCTURES: part.structures, fields.QUANTITY: form.name}
            by_type = form.name in (name, fields.SCALED_D)
            shown = samples if by_type else (fields.ALL, fields.WITHIN)
            rows += [about | {C.BOND_TYPE: kind} | samples[kind].row(form) for kind in shown]
    return pd.DataFrame(rows)


def _parts(kinds: NDArray[np.str_]) -> Iterator[tuple[str, Masks]]:
    """Yield the name of each row and its values (n,)."""
    everything = np.ones(len(kinds), dtype=bool)
    yield fields.ALL, everything
    yield fields.WITHIN, everything
    for kind in np.unique(kinds):
        yield str(kind), kinds == kind


@dataclass(frozen=True)
class _Sample:
    """Values (n,) in eV of one type, or of several ``given`` (n,), and h with its replicates.

    h, from neighbours, does not depend on the unit but for its logarithm, and costs most: it is
    computed once for all forms.
    """

    values: Floats
    given: Ints
    molecules: Ints
    groups: Ints
    free: Floats

    @classmethod
    def of(cls, values: Floats, given: Ints, molecules: Ints, neighbours: int) -> "_Sample":
        table = knn.ByLabel.sort(values, given)
        groups = jackknife_groups(molecules)

        def entropy(keep: Masks) -> float:
            return knn.differential_entropy(table.part(keep), neighbours)

        return cls(values, given, molecules, groups, replicates(entropy, groups))

    def row(self, form: Form) -> dict[str, float]:
        """Return the columns of the sample in one form."""
        labels = binned(form.of(self.values), form.width)
        log_width = float(np.log(form.width))
        log_unit = float(np.log(form.unit_eV)) if form.unit_eV > 0 else np.nan
        found = counted(labels, self.given, self.groups)
        corrected, free = found.mean(found.corrected), self.free - log_unit
        gap = found.mean(found.corrected, at_least=2) + log_width - free
        saturated = is_saturated(joint(labels, self.given))
        return {
            C.N: len(self.values),
            C.N_MOLECULES: len(np.unique(self.molecules)),
            fields.BIN_WIDTH: form.width,
            "occupied_bins": len(np.unique(labels)),
            fields.ENTROPY: float(found.mean(found.plain)[0]),
            **estimate(corrected, saturated=saturated).columns(fields.ENTROPY_MM),
            **estimate(corrected + log_width, saturated=saturated).columns(fields.BINNED),
            **estimate(free).columns(fields.KNN),
            **estimate(gap, saturated=saturated).columns(fields.GAP),
        }
