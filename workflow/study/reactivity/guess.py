"""What is known of an activation energy without a model: the mean of the other reactions."""

import numpy as np
import pandas as pd

from e3d.arrays import Floats, Ints
from e3d.fields import Column as C
from e3d.statistics import Estimate, finite_group_mean
from e3d.statistics.crossed import over_seeds
from study.reactivity import fields as f


def from_others(label: Floats, reactions: Ints) -> Floats:
    """Return labels (n,) minus the mean label of all other reactions."""
    others = [label[(reactions != own) & np.isfinite(label)] for own in reactions]
    means = [rest.mean() if len(rest) else np.nan for rest in others]
    return np.asarray(label - np.array(means, dtype=float))


def beside_guess(barriers: pd.DataFrame) -> Estimate:
    """Return the error (eV) of activation energies less that of guessing, at the same barriers.

    The interval is over reactions and seeds. NaN without barriers.
    """
    if barriers.empty:
        return Estimate(np.nan)
    return over_seeds([_beside_guess(part) for _, part in barriers.groupby(C.SEED)])


def _beside_guess(barriers: pd.DataFrame) -> Estimate:
    reactions = pd.factorize(barriers[f.REACTION])[0]
    model, label = (barriers[name].to_numpy(dtype=float) for name in (f.MODEL_EV, f.LABEL_EV))
    gap = np.abs(model - label) - np.abs(from_others(label, reactions))
    return finite_group_mean(gap, reactions)
