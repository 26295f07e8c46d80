"""A few frames whose forces are in another unit or of the other sign, among many right ones.

Each step between near conformations has two halves of work, one by the forces of either end
(:mod:`e3d.store.checks.force_work`). Where change and work disagree, one factor on the forces of
one end, or of both, may mend the step. In the labels that ship 1 to 4 steps of 68 to 128 disagree,
and no factor mends more than two. Beyond the nearest conformations, where energies curve, one bohr
(0.53) mended up to 4.7 % of the steps of reaction paths; no other factor more than 2.6 %. With
every tenth frame wrong one factor mends 5 to 20 %.
"""

from collections import Counter
from typing import Final

import numpy as np

from e3d.arrays import Floats, Ints, Masks
from e3d.errors import InputError
from e3d.store.checks.force_work import Steps
from e3d.units import BOHR_ANG, EV_KCAL_MOL, EV_KJ_MOL, HARTREE_EV, HARTREE_PER_BOHR_EV_PER_ANG

CAUSES: Final = {
    1 / HARTREE_PER_BOHR_EV_PER_ANG: "the forces are 51.4 times too large, as eV/Å taken as "
    "hartree/bohr",
    HARTREE_PER_BOHR_EV_PER_ANG: "the forces are in hartree/bohr",
    HARTREE_EV: "the forces are in hartree/Å, or eV of the energies were taken as hartree",
    1 / HARTREE_EV: "the energies are in hartree, or eV/Å of the forces were taken as hartree/Å",
    1 / BOHR_ANG: "the forces are in eV/bohr, or coordinates in Å were taken as bohr",
    BOHR_ANG: "the coordinates are in bohr, or forces in eV/Å were taken as eV/bohr",
    EV_KCAL_MOL: "the energies are in kcal/mol",
    1 / EV_KCAL_MOL: "the forces are in kcal/mol/Å",
    EV_KJ_MOL: "the energies are in kJ/mol",
    1 / EV_KJ_MOL: "the forces are in kJ/mol/Å",
    10.0: "the coordinates are in nm",
    0.1: "the forces are in eV/nm",
}
"""What a slope of change over work comes from."""

FACTORS: Final = np.array([-1.0, *CAUSES, *(-factor for factor in CAUSES)])
"""By which forces may have to be multiplied, as slopes of change over work."""
DISAGREE: Final = 0.35
"""Change and work disagree if they differ by more than this part of the larger one."""
MENDED: Final = 0.1
"""They agree with a factor if they differ by less."""
LEAST_STEPS: Final = 5
USUAL: Final = (0.04, 0.4)
"""Steps that one factor mends: more than this part of all, and of those that disagree, is wrong."""
CAREFUL: Final = (0.08, 0.6)
"""The same where energies curve as they do with a factor of one bohr, and for periodic frames."""
_SHOWN = 3


def check_minority(parts: list[Steps], ends: list[tuple[str, str]], least: float, at: str) -> None:
    """Refuse frames whose forces a factor would mend, where most steps are right.

    Parameters
    ----------
    parts
        Steps, P in all.
    ends
        What messages call the two frames of each step (P).
    least
        Steps in which neither change nor work is larger, eV, say nothing.
    at
        Where, for the message.

    Raises
    ------
    InputError
        Naming a few of the frames and the factor.
    """
    change = np.concatenate([np.empty(0), *(part.change for part in parts)])
    halves = np.concatenate([np.empty((0, 2)), *(part.halves for part in parts)])
    work, displaced = halves.sum(axis=1), any(part.displaced for part in parts)
    sizes = np.abs(work) if displaced else np.maximum(np.abs(change), np.abs(work))
    telling = np.flatnonzero(sizes > least)
    change, halves = change[telling], halves[telling]
    disagree = _apart(change, halves.sum(axis=1)) > DISAGREE
    if 2 * disagree.sum() > len(change) or disagree.sum() < LEAST_STEPS:
        return
    which, apart = _with_factors(change, halves)  # (F, P) each
    mended = (apart < MENDED) & disagree
    best = int(np.where(mended, MENDED - apart, 0).sum(axis=1).argmax())
    factor, found = float(FACTORS[best]), int(mended[best].sum())
    near_one = BOHR_ANG / 1.01 < factor < 1.01 / BOHR_ANG
    of_all, of_wrong = CAREFUL if near_one or displaced else USUAL
    if found < max(LEAST_STEPS, of_all * len(change)) or found < of_wrong * disagree.sum():
        return
    largest = [k for k in np.argsort(-np.abs(change)) if mended[best, k]]
    names = _names(which[best], largest, disagree, [ends[k] for k in telling])
    what = "the opposite sign" if factor == -1 else f"been multiplied by {1 / factor:.3g}"
    raise InputError(
        f"forces against energies{at}: in {found} of {len(change)} steps between near "
        f"conformations the energy changes as if forces had {what}, while in "
        f"{len(change) - int(disagree.sum())} they agree. It seems that {len(names)} frames have "
        f"forces of another unit or sign than the others: {'; '.join(names[:_SHOWN])}"
        f"{', ...' if len(names) > _SHOWN else ''}. Correct these labels in the file, and look for "
        "more of the kind: only a part of the frames is looked at."
    )


def _apart(change: Floats, work: Floats) -> Floats:
    """Return the difference as a part of the larger one."""
    larger = np.maximum(np.abs(change), np.abs(work))
    return np.asarray(np.abs(change - work) / np.where(larger > 0, larger, 1.0))


def _with_factors(change: Floats, halves: Floats) -> tuple[Ints, Floats]:
    """Return which ends (0, 1, 2: both) each factor suits, and what is left (F, P).

    Both are to blame only where one is not enough.
    """
    first, second = halves.T
    by = FACTORS[:, None]
    tries = (by * first + second, first + by * second, by * (first + second))
    apart = np.stack([_apart(np.broadcast_to(change, one.shape), one) for one in tries])
    apart[2] = np.where(apart[:2].min(axis=0) < MENDED, np.inf, apart[2])
    return apart.argmin(axis=0), apart.min(axis=0)


def _names(
    which: Ints, steps: list[int], disagree: Masks, ends: list[tuple[str, str]]
) -> list[str]:
    """Return the frames that are to blame for ``steps``, the surest first.

    Surest are those that are an end of many steps that disagree, and of few others.
    """
    sure: Counter[str] = Counter()
    for pair, wrong in zip(ends, disagree.tolist(), strict=True):
        sure.update(dict.fromkeys(pair, 1 if wrong else -1))
    blamed = [name for step in steps for k, name in enumerate(ends[step]) if which[step] in (k, 2)]
    return sorted(dict.fromkeys(blamed), key=lambda name: -sure[name])
