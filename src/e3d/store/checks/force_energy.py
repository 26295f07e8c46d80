"""Steps of energy beside the work of forces, gathered while a file is read, and judged at its end.

Every molecule, every subset and the whole file are judged (:mod:`e3d.store.checks.agreement`).
"""

import logging
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from math import isqrt
from typing import Any, Final

import numpy as np

from e3d.arrays import Floats
from e3d.errors import InputError
from e3d.store.checks.agreement import (
    SMALLEST_STEP_EV,
    Agreement,
    agreement,
    judge,
    share,
    telling,
    working,
)
from e3d.store.checks.force_work import MOST_FRAMES, Steps, steps
from e3d.store.checks.wrong_frames import DISAGREE, check_minority
from e3d.store.group import Group, named

log = logging.getLogger(__name__)

AT_ODDS: Final = 0.4
"""Agreement of a molecule whose forces are not its own; with five steps, right ones have 0.73."""
LEAST_STEPS_OF_ONE: Final = 5
MOST_AT_ODDS: Final = 0.1

USUAL_AGREEMENT: Final = 0.9
"""All labels that ship have 0.93 or more; below, a warning says which steps are farthest off."""

LARGEST_MISS_EV: Final = 3.0
"""In labels that ship, change and work of a step differ by up to 0.95 eV, and by 2.3 eV where a
bond is stretched until the ground state is another one."""

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
    crystals_at_odds: list[str] = field(default_factory=list)

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
            seen.ends += [(named(group, a), named(group, b)) for a, b in found.ends.tolist()]
            if found.displaced:
                if _is_at_odds(*working(found.change, found.work)):
                    seen.crystals_at_odds.append(group.label)
                return
            change, work = telling(found.change, found.work)
            if len(change) >= LEAST_STEPS_OF_ONE:
                seen.known += 1
                seen.at_odds += [group.label] * _is_at_odds(change, work)

    def _check_single_groups(self) -> None:
        """Refuse more than a few molecules whose forces are at odds with energies; name a few."""
        odd = [name for seen in self._subsets.values() for name in seen.at_odds]
        known = sum(seen.known for seen in self._subsets.values())
        words = (
            f"forces of {len(odd)} of {known} molecules looked at are at odds with their energies, "
            f"for one {odd[0] if odd else ''}"
        )
        if len(odd) > max(2, MOST_AT_ODDS * known) or (odd and len(odd) == known):
            raise InputError(
                f"{words} - at most {MOST_AT_ODDS:.0%} may be. Forces are of other conformations, "
                "or another unit, sign or order of atoms: correct the labels in the file."
            )
        if odd:
            log.warning("%s", words)
        crystals = [name for seen in self._subsets.values() for name in seen.crystals_at_odds]
        if crystals:
            log.warning(
                "forces of %d crystals are at odds with their energies, for one %s: forces may be "
                "of another order of atoms or cell, or energies of other settings (GGA and GGA+U)",
                len(crystals),
                crystals[0],
            )

    def finish(self) -> dict[str, Agreement]:
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
        _warn_of_misses(all_seen)
        return {"all": every, **found}


def _checked(seen: _Seen, where: str) -> Agreement:
    found = agreement(seen.parts)
    if found.judged:
        check_minority(seen.parts, seen.ends, SMALLEST_STEP_EV, where)
    judge(found, where)
    if found.judged and found.agreement is not None and found.agreement < USUAL_AGREEMENT:
        change, work, missed = _pooled(seen)
        worst = int(missed.argmax())
        log.warning(
            "forces against energies%s: %.0f%% of %d steps between near conformations agree, right "
            "labels have 93%% or more; farthest off are %s and %s: %.3g eV for a work of %.3g eV. "
            "Look at their labels",
            *(where, 100 * found.agreement, found.steps, *seen.ends[worst]),
            *(change[worst], work[worst]),
        )
    return found


def _is_at_odds(change: Floats, work: Floats) -> bool:
    return len(change) >= LEAST_STEPS_OF_ONE and share(change, work) < AT_ODDS


def _pooled(seen: _Seen) -> tuple[Floats, Floats, Floats]:
    """Return change, work and how far they are apart (P,), eV, of all steps."""
    change, work = (
        np.concatenate([np.empty(0), *(getattr(part, name) for part in seen.parts)])
        for name in ("change", "work")
    )
    return change, work, np.abs(change - work)


def _warn_of_misses(seen: _Seen) -> None:
    """Warn of steps that no error of the work explains: an energy is of another conformation."""
    change, work, missed = _pooled(seen)
    beyond = missed > np.maximum(LARGEST_MISS_EV, DISAGREE * np.maximum(abs(change), abs(work)))
    if beyond.any():
        worst = int(np.where(beyond, missed, 0).argmax())
        log.warning(
            "in %d of %d steps between near conformations the energy changes by more than %g eV "
            "beside the work of the forces; most, %.4g eV for %.4g eV, from %s to %s. Look at "
            "their labels",
            *(beyond.sum(), len(change), LARGEST_MISS_EV, change[worst], work[worst]),
            *seen.ends[worst],
        )


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
