"""Entropies of labels within each of several others, of all rows and without each group of molecules.

The same as :mod:`study.entropy.bins` on every part of the rows, from counts: what is left without a group is
the counts of all less those of the group, so that a jackknife costs the bins and not the rows.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from study.entropy.bins import Ints, joint, of_counts
from study.entropy.intervals import Floats


@dataclass(frozen=True)
class Counted:
    """Rows and entropies (replicates, labels given) in nats: of all rows first, then without each group."""

    size: Ints
    plain: Floats
    corrected: Floats

    def mean(self, values: Floats, *, at_least: int = 1) -> Floats:
        """Return the mean (replicates,) of ``values`` over the labels given, each with its share of the rows.

        Labels of fewer than ``at_least`` rows are left out; NaN where none is left.
        """
        size = np.where(self.size >= at_least, self.size, 0)
        total = size.sum(axis=1)
        share = np.divide(
            size, total[:, None], out=np.full(size.shape, np.nan), where=total[:, None] > 0
        )
        return np.add.accumulate(share * values, axis=1)[:, -1]


def counted(labels: Ints, given: Ints, groups: Ints, *, at_least: int = 1) -> Counted:
    """Count ``labels`` (n,) within each of ``given`` (n,), over all rows and without each of ``groups`` (n,).

    Rows of labels that then occur less than ``at_least`` times are left out.
    """
    bins, code = np.unique(joint(given, labels), return_inverse=True)
    first = np.unique(code, return_index=True)[1]  # of each bin, a row
    owner = np.unique(given, return_inverse=True)[1][first]
    bounds = np.searchsorted(owner, np.arange(owner[-1] + 2))
    whole = np.bincount(code)
    order = np.argsort(groups, kind="stable")
    parts = np.split(code[order], np.flatnonzero(np.diff(groups[order])) + 1)
    counts = [whole, *(whole - np.bincount(part, minlength=len(bins)) for part in parts)]
    counts = [np.where(one >= at_least, one, 0) for one in counts]
    found = [_of(one, bounds) for one in counts]
    size = np.array([np.add.reduceat(one, bounds[:-1]) for one in counts])
    plain, corrected = np.moveaxis(np.array(found), 2, 0)
    return Counted(size, plain, corrected)


def _of(counts: Ints, bounds: Ints) -> list[tuple[float, float]]:
    """Return plug-in and corrected entropy of the counts between each two ``bounds``; 0 where nothing is left."""
    parts = (counts[start:stop] for start, stop in pairwise(bounds))
    occupied = (part[part > 0] for part in parts)
    return [of_counts(part) if len(part) else (0.0, 0.0) for part in occupied]


def information(x: Ints, y: Ints, given: Ints, groups: Ints) -> tuple[Floats, Floats]:
    """Return I(x; y | given) in nats, plain and corrected, with replicates (replicates,).

    The sum over z of p(z) [H(x) + H(y) - H(x, y)] within z; all labels (n,).
    """
    of_x, of_y, of_both = (counted(labels, given, groups) for labels in (x, y, joint(x, y)))
    plain = of_x.plain + of_y.plain - of_both.plain
    corrected = of_x.corrected + of_y.corrected - of_both.corrected
    return of_x.mean(plain), of_x.mean(corrected)
