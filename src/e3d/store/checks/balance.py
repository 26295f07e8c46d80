"""Net force and torque of every frame: forces on what is alone in the world cancel.

Forces on a crystal or an isolated molecule add up to nothing, and those on a molecule do not turn
it. Both are taken as shares of the largest that forces of these sizes could give, with 0.1 eV/Å
added to each, so that relaxed structures say nothing. What noise of 30 meV/Å in every component may
give is taken off before (:mod:`e3d.store.checks.force_work`). Highest shares:

========================================== =========== ===========
labels                                     net force   torque
========================================== =========== ===========
minispice, SPICE 2, paths, stretched bonds 0           0
MPtrj                                      0
the same with noise of 33 meV/Å            0.012       0.012
with noise of 60 meV/Å                     0.17        0.11
medians: 0.3 eV/Å on every atom            0.14-0.23   0
medians: axes or atoms exchanged           0           0.10-0.66
========================================== =========== ===========

With 60 meV/Å 1.5 % of the frames are above a limit at most. The limits stand between.
"""

import logging
from dataclasses import dataclass
from typing import Final

from e3d.arrays import Floats
from e3d.errors import InputError
from e3d.store.checks.force_work import net_share, torque_share
from e3d.store.group import Group, named

log = logging.getLogger(__name__)

_USUAL: Final = {"net force": 0.03, "torque": 0.02}
"""Half of the frames may have more."""
LARGEST_NET: Final = 0.1
LARGEST_TORQUE_OF_ONE: Final = 0.08
MOST_FRAMES_ABOVE: Final = 0.03
LEAST_ABOVE: Final = 3
LEAST_FRAMES: Final = 6

_LIMITS: Final = {"net force": LARGEST_NET, "torque": LARGEST_TORQUE_OF_ONE}
_WHY: Final = {
    "net force": "The forces on a crystal or an isolated molecule add up to nothing. Something was "
    "added to them, or those of some atoms are missing (set to zero by constraints?), or a field "
    "acts that a potential cannot know.",
    "torque": "An isolated molecule feels none. Forces are in another order of atoms or axes than "
    "the coordinates, or molecules are cut by the faces of a box whose cell is lost.",
}


@dataclass
class _Count:
    """Frames, those beyond the limits of the median and of one, and the worst of these."""

    frames: int = 0
    unusual: int = 0
    above: int = 0
    largest: float = 0.0
    worst: str = ""

    def __iadd__(self, other: "_Count") -> "_Count":
        self.frames += other.frames
        self.unusual += other.unusual
        self.above += other.above
        if other.largest > self.largest:
            self.largest, self.worst = other.largest, other.worst
        return self


class Balance:
    """Counts frames whose forces do not cancel, by subset."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._counts: dict[tuple[str, str], _Count] = {}

    def add(self, group: Group) -> None:
        """Count the frames of a group; those with a cell may feel a torque."""
        if not len(group.energy):
            return
        net = net_share(group.forces)
        self._count(group, "net force", net)
        if group.cell is None and len(group.atomic_numbers) > 1:
            torque = torque_share(group.positions, group.forces)
            self._count(group, "torque", torque)

    def _count(self, group: Group, what: str, shares: Floats) -> None:
        worst = int(shares.argmax())
        count = self._counts.setdefault((group.subset, what), _Count())
        count += _Count(
            len(shares),
            int((shares > _USUAL[what]).sum()),
            int((shares > _LIMITS[what]).sum()),
            float(shares[worst]),
            named(group, worst),
        )

    def finish(self) -> None:
        """Check every subset, and the file as a whole.

        Raises
        ------
        InputError
            Naming the worst frame.
        """
        every = {what: _Count() for what in _WHY}
        for (subset, what), count in sorted(self._counts.items()):
            every[what] += count
            _check(what, count, f" of subset {subset!r}")
        for what, count in every.items():
            _check(what, count, "")
            if count.above:
                log.warning(
                    "forces: in %d of %d frames the %s is more than %g of the largest that forces "
                    "of these sizes can give; most, %.2g, in %s. Look at its labels",
                    *(count.above, count.frames, what, _LIMITS[what], count.largest, count.worst),
                )


def _check(what: str, count: _Count, where: str) -> None:
    many = count.above >= max(LEAST_ABOVE, MOST_FRAMES_ABOVE * count.frames)
    if not many and (count.frames < LEAST_FRAMES or 2 * count.unusual <= count.frames):
        return
    wrong, limit, allowed = count.unusual, _USUAL[what], "half"
    if many:
        wrong, limit, allowed = count.above, _LIMITS[what], f"{MOST_FRAMES_ABOVE:.0%}"
    raise InputError(
        f"forces{where}: in {wrong} of {count.frames} frames the {what} is more than {limit:g} of "
        f"the largest that forces of these sizes can give - at most {allowed} may be; most, "
        f"{count.largest:.2g}, in {count.worst}. {_WHY[what]} Correct the forces in the file."
    )
