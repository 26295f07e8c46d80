"""How well forces agree with energies, and what is wrong where they do not.

Between near conformations the change of energy is the work done against the forces
(:mod:`e3d.store.checks.force_work`). It is measured on a part of every subset. Of the data that
ship (``resources/``):

===================================================== ========= =========
labels                                                slope     agreement
===================================================== ========= =========
DFT and GFN2-xTB at 500 K, SPICE's protocol           1.01-1.03 0.99-1.00
reaction paths                                        1.07      0.99
stretched bonds, some with crossing spin states       1.01      0.93
any, with atoms, axes, frames or energies exchanged   -1.1-1.1  0.04-0.65
===================================================== ========= =========

Slope: weighted median of change over work. Agreement: the part of the steps where the two differ
by less than half of the larger one. The limits stand between. Where no conformations are near each
other slope and agreement conclude nothing.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from e3d.arrays import Floats
from e3d.errors import InputError
from e3d.store.checks.force_work import Steps
from e3d.store.checks.wrong_frames import CAUSES

SLOPE_RANGE: Final = (0.75, 1.35)
LEAST_AGREEMENT: Final = 0.7
LEAST_STEPS: Final = 12
SMALLEST_STEP_EV: Final = 0.02
"""Below it, rounding of energies in single precision counts."""
LARGEST_WEIGHT_EV: Final = 1.0
"""No step counts more than one of this energy."""


@dataclass(frozen=True)
class Agreement:
    """How forces agree with energies; None where there are too few steps to say.

    ``proportional`` is the agreement of change and slope times work. ``judged`` is False where only
    an agreement in another unit or sign would say something: where atoms of crystals hardly work,
    energies may differ by the settings of the calculation.
    """

    steps: int
    slope: float | None
    agreement: float | None
    proportional: float | None
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
    """Pool steps into slope and agreement.

    >>> change = np.full(20, 0.5)
    >>> ends = np.zeros((20, 2), dtype=int)
    >>> agreement([Steps(change, np.column_stack([-change, 0 * change]), ends)])
    Agreement(steps=20, slope=-1.0, agreement=0.0, proportional=1.0, judged=True)
    """
    change, work = (
        np.concatenate([np.empty(0), *(getattr(part, name) for part in parts)])
        for name in ("change", "work")
    )
    judged = True
    if any(part.displaced for part in parts):
        done = working(change, work)
        judged = len(done[0]) >= LEAST_STEPS
        change, work = done if judged else (change, work)
    change, work = telling(change, work)
    if len(change) < LEAST_STEPS:
        return Agreement(len(change), None, None, None)
    slope = _slope(change, work)
    if not np.isfinite(slope):
        return Agreement(len(change), slope, 0.0, 1.0)
    scaled = slope * work
    return Agreement(len(change), slope, share(change, work), share(change, scaled), judged)


def telling(change: Floats, work: Floats) -> tuple[Floats, Floats]:
    """Return the steps in which either is larger than rounding."""
    counts = np.maximum(np.abs(change), np.abs(work)) > SMALLEST_STEP_EV
    return change[counts], work[counts]


def working(change: Floats, work: Floats) -> tuple[Floats, Floats]:
    """Return the steps in which forces do work: energies of crystals may differ by settings."""
    counts = np.abs(work) > SMALLEST_STEP_EV
    return change[counts], work[counts]


def share(change: Floats, work: Floats) -> float:
    """Return the part of the steps where the two differ by less than half of the larger one."""
    larger = np.maximum(np.abs(change), np.abs(work))
    weight = np.minimum(larger, LARGEST_WEIGHT_EV)
    return float(weight[np.abs(change - work) <= 0.5 * larger].sum() / weight.sum())


def _slope(change: Floats, work: Floats) -> float:
    """Return the median of change over work, weighted by the work; infinite where there is none."""
    moving = np.abs(work) > 0
    if not moving.any():
        return float("inf")
    with np.errstate(over="ignore"):  # work of forces that are almost nothing
        ratio, weight = (change / np.where(moving, work, 1.0))[moving], np.abs(work)[moving]
    order = np.argsort(ratio)
    total = np.cumsum(np.minimum(weight, LARGEST_WEIGHT_EV)[order])
    return float(ratio[order][np.searchsorted(total, total[-1] / 2)])


def judge(found: Agreement, where: str) -> None:
    """Refuse forces that are not those of the energies; ``where`` is for the message.

    Raises
    ------
    InputError
        Naming slope and agreement, and what it seems to come from.
    """
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
