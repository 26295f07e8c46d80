"""Say whether the forces of a file belong to its energies.

Between near conformations the change of energy is the work done against the forces
(:mod:`e3d.store.force_work`), and the forces on an isolated molecule do not turn it. Both are
measured on a part of every subset. Measured on the data that ship (``resources/``):

===================================================== ========= ========= =========
labels                                                slope     agreement torque
===================================================== ========= ========= =========
DFT and GFN2-xTB at 500 K, SPICE's protocol           1.01-1.03 0.99-1.00 1e-4
reaction paths                                        1.07      0.99      2e-4
stretched bonds, some with crossing spin states       1.01      0.93      2e-5
any, with atoms, axes, frames or energies exchanged   -1.1-1.1  0.04-0.65 0.03-0.7
===================================================== ========= ========= =========

Slope: weighted median of change over work. Agreement: the part of the steps where the two differ
by less than half of the larger one. Torque: median of |sum x F| / sum |x| |F|; it is right where
only frames or energies are exchanged. That of single SPICE 2 frames is 1e-4, and 0.07 to 0.16 with
atoms or axes exchanged. The limits stand between. Where no conformations are near each other slope
and agreement conclude nothing.
"""

import logging
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from math import isqrt
from typing import Any, Final

import numpy as np

from e3d.arrays import Floats
from e3d.errors import InputError
from e3d.store.force_work import MOST_FRAMES, Steps, steps
from e3d.store.group import Group
from e3d.store.wrong_frames import CAUSES, check_minority

log = logging.getLogger(__name__)

SLOPE_RANGE: Final = (0.75, 1.35)
LEAST_AGREEMENT: Final = 0.7
LARGEST_TORQUE: Final = 0.02
LEAST_STEPS: Final = 12
AT_ODDS: Final = 0.4
"""Agreement of a molecule whose forces are not its own; with five steps, right ones have 0.73."""
LEAST_STEPS_OF_ONE: Final = 5
MOST_AT_ODDS: Final = 0.1
LEAST_FRAMES: Final = 6
SMALLEST_STEP_EV: Final = 0.02
"""Below it, rounding of energies in single precision counts."""
LARGEST_WEIGHT_EV: Final = 1.0
"""No step counts more than one of this energy."""

_ALL_OF_THE_FIRST = 12
_LARGE_RUN = 4
_HELD_ATOMS = 200_000


@dataclass
class _Seen:
    """Sums over the groups of one subset."""

    parts: list[Steps] = field(default_factory=list)
    ends: list[tuple[str, str]] = field(default_factory=list)
    groups: int = 0
    known: int = 0
    at_odds: list[str] = field(default_factory=list)

    def due(self) -> bool:
        """Say whether the next group is looked at: the first ones, then ever fewer."""
        self.groups += 1
        return self.groups <= _ALL_OF_THE_FIRST or isqrt(self.groups) ** 2 == self.groups


class ForceEnergy:
    """Steps of energy beside the work of the forces, by subset, while a file is read."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._subsets: dict[str, _Seen] = {}
        self._small: dict[Hashable, Group] = {}
        self._held = 0

    def add(self, group: Group) -> None:
        """Look at a group; small ones are kept until there are more frames of the structure."""
        m, n = group.positions.shape[:2]
        if m == 0 or n < 2:
            return
        if m >= _LARGE_RUN:
            self._look(group)
            return
        key = _identity(group)
        if key in self._small:
            other = self._small.pop(key)
            self._held -= other.positions[..., 0].size
            group = _joined(other, group)
        elif self._held > _HELD_ATOMS:
            return
        if len(group.energy) >= MOST_FRAMES:
            self._look(group)
        else:
            self._small[key] = group
            self._held += group.positions[..., 0].size

    def _look(self, group: Group) -> None:
        seen = self._subsets.setdefault(group.subset, _Seen())
        if seen.due():
            found = steps(group)
            seen.parts.append(found)
            seen.ends += [(_named(group, a), _named(group, b)) for a, b in found.ends.tolist()]
            change, work = _telling(found.change, found.work)
            if len(change) >= LEAST_STEPS_OF_ONE and not found.displaced:
                seen.known += 1
                seen.at_odds += [group.label] * (_share(change, work) < AT_ODDS)

    def _check_single_groups(self) -> None:
        """Refuse more than a few molecules whose forces are at odds with energies; name a few."""
        odd = [name for seen in self._subsets.values() for name in seen.at_odds]
        known = sum(seen.known for seen in self._subsets.values())
        words = (
            f"forces of {len(odd)} of {known} molecules looked at are at odds with their energies, "
            f"for one {odd[0] if odd else ''}"
        )
        if len(odd) > max(2, MOST_AT_ODDS * known):
            raise InputError(
                f"{words} - at most {MOST_AT_ODDS:.0%} may be. Forces are of other conformations, "
                "or another unit, sign or order of atoms: correct the labels in the file."
            )
        if odd:
            log.warning("%s", words)

    def finish(self) -> "dict[str, Agreement]":
        """Return what was found in all frames, and in each subset where there are several.

        Raises
        ------
        InputError
            If the forces are not those of the energies.
        """
        for group in self._small.values():
            self._look(group)
        self._small.clear()
        all_seen = _Seen()
        for seen in self._subsets.values():
            all_seen.parts += seen.parts
            all_seen.ends += seen.ends
        found = {}
        if len(self._subsets) > 1:
            for name, seen in sorted(self._subsets.items()):
                found[name] = _checked(seen, f" of subset {name!r}")
        every = _checked(all_seen, "")
        self._check_single_groups()
        return {"all": every, **found}


@dataclass(frozen=True)
class Agreement:
    """How forces agree with energies; None where there are too few steps or frames to say.

    ``proportional`` is the agreement of change and slope times work. ``judged`` is False where only
    an agreement in another unit or sign would say something: where atoms of crystals hardly work,
    energies may differ by the settings of the calculation.
    """

    steps: int
    slope: float | None
    agreement: float | None
    proportional: float | None
    torque: float | None
    judged: bool = True

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers, rounded to what they mean."""
        return {
            name: float(f"{value:.3g}") if isinstance(value, float) else value
            for name, value in vars(self).items()
            if name != "judged"
        }

    @property
    def wrong(self) -> bool:
        """Whether forces are not those of the energies."""
        if self.slope is None or self.agreement is None or self.proportional is None:
            return False
        inside = SLOPE_RANGE[0] <= self.slope <= SLOPE_RANGE[1]
        if not self.judged:
            return not inside and self.proportional >= LEAST_AGREEMENT
        return not inside or self.agreement < LEAST_AGREEMENT


def agreement(parts: list[Steps]) -> Agreement:
    """Pool steps into slope, agreement and torque.

    >>> change = np.full(20, 0.5)
    >>> ends = np.zeros((20, 2), dtype=int)
    >>> agreement([Steps(change, np.column_stack([-change, 0 * change]), ends, np.empty(0))])
    Agreement(steps=20, slope=-1.0, agreement=0.0, proportional=1.0, torque=None, judged=True)
    """
    change, work, torque = (
        np.concatenate([np.empty(0), *(getattr(part, name) for part in parts)])
        for name in ("change", "work", "torque")
    )
    judged = True
    if any(part.displaced for part in parts):
        working = np.abs(work) > SMALLEST_STEP_EV
        judged = int(working.sum()) >= LEAST_STEPS
        change, work = (change[working], work[working]) if judged else (change, work)
    change, work = _telling(change, work)
    turn = float(np.median(torque)) if len(torque) >= LEAST_FRAMES else None
    if len(change) < LEAST_STEPS:
        return Agreement(len(change), None, None, None, turn)
    slope = _slope(change, work)
    if not np.isfinite(slope):
        return Agreement(len(change), slope, 0.0, 1.0, turn)
    scaled = slope * work
    return Agreement(len(change), slope, _share(change, work), _share(change, scaled), turn, judged)


def _telling(change: Floats, work: Floats) -> tuple[Floats, Floats]:
    """Return the steps in which either is larger than rounding."""
    counts = np.maximum(np.abs(change), np.abs(work)) > SMALLEST_STEP_EV
    return change[counts], work[counts]


def _share(change: Floats, work: Floats) -> float:
    """Return the part of the steps where the two differ by less than half of the larger one."""
    larger = np.maximum(np.abs(change), np.abs(work))
    weight = np.minimum(larger, LARGEST_WEIGHT_EV)
    return float(weight[np.abs(change - work) <= 0.5 * larger].sum() / weight.sum())


def _slope(change: Floats, work: Floats) -> float:
    """Return the median of change over work, weighted by the work; infinite where there is none."""
    moving = np.abs(work) > 0
    if not moving.any():
        return float("inf")
    ratio, weight = (change / np.where(moving, work, 1.0))[moving], np.abs(work)[moving]
    order = np.argsort(ratio)
    total = np.cumsum(np.minimum(weight, LARGEST_WEIGHT_EV)[order])
    return float(ratio[order][np.searchsorted(total, total[-1] / 2)])


def _checked(seen: _Seen, where: str) -> Agreement:
    found = agreement(seen.parts)
    if found.judged:
        check_minority(seen.parts, seen.ends, SMALLEST_STEP_EV, where)
    _judge(found, where)
    return found


def _judge(found: Agreement, where: str) -> None:
    if found.wrong and not np.isfinite(found.slope or 0.0):
        raise InputError(
            f"forces against energies{where}: the forces are zero in {found.steps} steps between "
            "near conformations in which the energy changes - a force is minus the slope of the "
            "energy. Leave frames without forces out of the file, or label them."
        )
    if found.wrong:
        raise InputError(
            f"forces against energies{where}: over {found.steps} steps between near "
            f"conformations the energy changes by {found.slope:.3g} times the work against the "
            f"forces, and {found.agreement:.0%} of them agree - expected 1 ({SLOPE_RANGE[0]:g} to "
            f"{SLOPE_RANGE[1]:g}) and over {LEAST_AGREEMENT:.0%}. {_cause(found)} Correct the "
            "labels, or their units, in the file."
        )
    if found.torque is not None and found.torque > LARGEST_TORQUE:
        raise InputError(
            f"forces{where}: half of the molecules feel a torque above {found.torque:.2g} of the "
            f"largest that forces of these sizes can give - allowed {LARGEST_TORQUE:g}; an "
            "isolated molecule feels none. Forces are in another order of atoms, axes or frames "
            "than the coordinates, or a field acts that a potential of the molecule cannot know. "
            "Correct the forces in the file."
        )


def _cause(found: Agreement) -> str:
    slope, (low, high) = found.slope or 0.0, SLOPE_RANGE
    if (found.proportional or 0.0) < LEAST_AGREEMENT:
        return (
            "Forces and energies are of different conformations or levels of theory, or the atoms, "
            "axes or frames of the forces are in another order."
        )
    signs = ["the forces have the opposite sign (are they gradients?)"] * (slope < 0)
    factor = min(CAUSES, key=lambda value: abs(np.log(abs(slope) / value)))
    if low <= abs(slope) / factor <= high:
        signs = [CAUSES[factor], *signs]
    return f"It seems that {' and '.join(signs) or 'one of the two is in another unit'}."


def _named(group: Group, row: int) -> str:
    """Return what messages call a frame: its energy finds it where numbers do not."""
    known = -1 if group.source_index is None else int(group.source_index[row])
    number = row if known < 0 else known
    return f"{group.label}, conformation {number} ({group.energy[row]:.6f} eV)"


def _identity(group: Group) -> tuple[Hashable, ...]:
    names = (group.smiles, group.name, group.subset, group.charge, group.multiplicity)
    return (*names, group.cell is None, group.pbc is None, group.atomic_numbers.tobytes())


def _joined(first: Group, second: Group) -> Group:
    """Return the frames of both, with what the work of their forces needs."""
    names = ("positions", "energy", "forces", "cell", "pbc")
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(first, name), getattr(second, name)])
        for name in names
        if getattr(first, name) is not None
    }
    numbers = [
        np.arange(len(one.energy)) if one.source_index is None else one.source_index
        for one in (first, second)
    ]
    return replace(
        first, source_index=np.concatenate(numbers), stress=None, formation_energy=None, **joined
    )
