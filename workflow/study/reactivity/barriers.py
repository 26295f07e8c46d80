"""Activation energies of a run: transition state minus reactants, or minus products.

    error_total = model - reference = (model - label) + (label - reference)
                = error_model + error_level

where ``label`` is the barrier at the level of theory the run was trained on, at the same
geometries. All barriers are electronic: without zero-point energies.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import pandas as pd

from e3d.fields import Column as C
from e3d.potential import EdgePotential
from e3d.statistics import finite_group_mean
from study.reactivity import fields as f
from study.reactivity.coverage import Coverage
from study.reactivity.evaluated import evaluate
from study.reactivity.guess import from_others
from study.reactivity.reactions import Reaction

DIRECTIONS: Final = ("forward", "backward")
ALL: Final = "all"
GROUPS: Final = {
    "closed_shell": (f.OPEN_SHELL, False),
    "open_shell": (f.OPEN_SHELL, True),
    "in_training": (C.IN_TRAINING, True),
    "not_in_training": (C.IN_TRAINING, False),
}
"""Groups of reactions beside all of a set: a column, and its value."""


def barrier_table(
    model: EdgePotential, reactions: Iterable[Reaction], coverage: Coverage | None
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return a row per reaction and direction, and how many of each set the model cannot do.

    ``extrapolation`` is true of open shells, which no training set here has, and where a distance
    in the saddle or on that side does not occur in training; blank without ``coverage``.
    """
    usable, skipped = [], Counter[str]()
    for reaction in reactions:
        if all(map(model.knows, reaction.structures)):
            usable.append(reaction)
        else:
            skipped[reaction.set] += 1
    energies = iter(evaluate(model, [s for reaction in usable for s in reaction.structures]))
    rows = []
    for reaction in usable:
        top = next(energies).energy
        for k, side in enumerate(reaction.sides):
            low = sum(next(energies).energy for _ in side)
            rows.append(_row(reaction, k, top - low, coverage))
    return pd.DataFrame(rows, columns=f.BARRIERS), dict(skipped)


def _row(reaction: Reaction, k: int, barrier: float, coverage: Coverage | None) -> dict[str, Any]:
    side, label, reference = reaction.sides[k], reaction.label_eV[k], reaction.reference_eV[k]
    extrapolates = in_training = None
    if coverage is not None:
        inside = all(coverage.covers(structure) for structure in (reaction.saddle, *side))
        extrapolates = reaction.open_shell or not inside
        in_training = not reaction.open_shell and coverage.trained_on(side)
    errors = (barrier - label, label - reference, barrier - reference)
    return {
        f.SET: reaction.set,
        f.REACTION: reaction.name,
        f.DIRECTION: DIRECTIONS[k],
        f.OPEN_SHELL: reaction.open_shell,
        f.EXTRAPOLATION: extrapolates,
        C.IN_TRAINING: in_training,
        f.LEVEL: reaction.level,
        f.REFERENCE: reaction.reference,
        f.MODEL_EV: barrier,
        f.LABEL_EV: label,
        f.REFERENCE_EV: reference,
        **dict(zip(f.ERROR.values(), errors, strict=True)),
    }


def summary_table(barriers: pd.DataFrame, skipped: dict[str, int]) -> pd.DataFrame:
    """Return mean absolute and mean errors of every set, with 95 % intervals over its reactions.

    Both directions of a reaction are one group of the jackknife. ``mae_mean_barrier_eV`` is the
    error of knowing nothing but the other reactions: their mean labelled barrier. Groups that are
    empty, or all of their set, are left out.
    """
    rows = []
    for name in dict.fromkeys([*barriers[f.SET], *skipped]):
        whole = barriers[barriers[f.SET] == name]
        rows.append(_scores(whole, str(name), ALL, skipped.get(str(name), 0)))
        for group, (column, value) in GROUPS.items():
            part = whole[whole[column] == value]
            if 0 < len(part) < len(whole):
                rows.append(_scores(part, str(name), group, 0))
    return pd.DataFrame(rows)


def _scores(part: pd.DataFrame, name: str, group: str, skipped: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        f.SET: name,
        "reactions": group,
        f.LEVEL: part[f.LEVEL].iloc[0] if len(part) else "",
        "n_reactions": part[f.REACTION].nunique(),
        "n_barriers": len(part),
        "n_open_shell": part.loc[part[f.OPEN_SHELL].astype(bool), f.REACTION].nunique(),
        "n_extrapolation": _count(part[f.EXTRAPOLATION]),
        "n_in_training": _count(part[C.IN_TRAINING]),
        "n_skipped": skipped,
    }
    reactions = pd.factorize(part[f.REACTION])[0]
    for kind in f.PARTS:
        error = part[f.ERROR[kind]].to_numpy(dtype=float)
        row |= finite_group_mean(np.abs(error), reactions).columns(f.MAE[kind])
        row |= finite_group_mean(error, reactions).columns(f.BIAS[kind])
    guess = from_others(part[f.LABEL_EV].to_numpy(dtype=float), reactions)
    return row | finite_group_mean(np.abs(guess), reactions).columns(f.MAE_GUESS)


def _count(flags: pd.Series) -> float:
    known = [bool(flag) for flag in flags if flag is not None]
    return float(sum(known)) if known else float("nan")
