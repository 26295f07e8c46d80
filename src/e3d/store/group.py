"""What a reader hands over: conformations of one molecule or material, in eV and Å, checked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from e3d.errors import InputError

_MAX_Z = 118


@dataclass(frozen=True)
class Group:
    """Conformations of one molecule or material as a reader hands them over, in eV and Å.

    ``positions`` and ``forces`` (M, N, 3), ``energy`` (M,), ``atomic_numbers`` (N,),
    ``source_index`` (M,) with -1 where the source's numbering cannot be known.

    ``smiles`` is mapped (map number k is row k-1); where the source has none it is "" and ``name``
    says what the frames are told apart by (a formula, say). ``cell`` (M, 3, 3) Å holds cell vectors
    in rows and ``pbc`` (M, 3) the periodic directions, both None for isolated molecules;
    ``stress`` (M, 3, 3) eV/Å^3 is positive under tension. ``charge`` and ``multiplicity`` are given
    where no SMILES says them. ``dropped`` counts rows of the source that the reader left out, by reason.
    """

    smiles: str
    subset: str
    atomic_numbers: NDArray[np.int64]
    positions: NDArray[np.float64]
    energy: NDArray[np.float64]
    forces: NDArray[np.float64]
    source_index: NDArray[np.int64]
    name: str = ""
    cell: NDArray[np.float64] | None = None
    pbc: NDArray[np.bool_] | None = None
    stress: NDArray[np.float64] | None = None
    charge: int | None = None
    multiplicity: int | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What messages call it: the SMILES, else the name."""
        return self.smiles or self.name


def select(group: Group, rows: NDArray[np.bool_]) -> Group:
    """Return the group with only the conformations (M,) that ``rows`` marks."""
    names = ("positions", "energy", "forces", "source_index", "cell", "pbc", "stress")
    kept = {name: values[rows] for name in names if (values := getattr(group, name)) is not None}
    return replace(group, **kept)


def check_groups(groups: Iterator[Group]) -> Iterator[Group]:
    """Pass groups through, refusing shapes that do not fit and numbers that are not finite.

    Raises
    ------
    InputError
        Naming the molecule, the array and what it should be.
    """
    for group in groups:
        m, n = len(group.energy), len(group.atomic_numbers)
        expected = {
            "positions": (m, n, 3),
            "forces": (m, n, 3),
            "source_index": (m,),
            "energy": (m,),
            "atomic_numbers": (n,),
            "cell": (m, 3, 3),
            "pbc": (m, 3),
            "stress": (m, 3, 3),
        }
        for name, shape in expected.items():
            values = getattr(group, name)
            if values is not None and values.shape != shape:
                raise InputError(
                    f"{group.label}: {name} has shape {values.shape}, expected {shape} for "
                    f"{m} conformations of {n} atoms. Fix the group or drop it from the file."
                )
        if not np.isin(group.atomic_numbers, range(1, _MAX_Z + 1)).all():
            raise InputError(
                f"{group.label}: atomic_numbers {group.atomic_numbers.tolist()} must be 1..{_MAX_Z}. Fix the group."
            )
        for name in ("positions", "energy", "forces", "cell", "stress"):
            values = getattr(group, name)
            if values is None:
                continue
            bad = ~np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
            if bad.any():
                raise InputError(
                    f"{group.label}: {name} of conformation {int(np.argmax(bad))} is not finite "
                    f"({int(bad.sum())} of {m} affected); every label must be a number. "
                    "Remove these conformations from the file."
                )
        yield group
