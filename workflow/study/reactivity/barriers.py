"""Activation energies of a run against labels and references: transition state minus reactants, or minus products.

    error_total = model - reference = (model - label) + (label - reference) = error_model + error_level

where ``label`` is the barrier at the level of theory the run was trained on, at the same geometries. All barriers
are electronic: without zero-point energies.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from e3d.fields import Column as C
from e3d.potential import EdgePotential
from e3d.statistics import Estimate, group_mean, interval_columns
from e3d.structures import Structure
from study.reactivity.coverage import Coverage
from study.reactivity.evaluated import Floats, evaluate

DIRECTIONS: Final = ("forward", "backward")
SET, REACTION, DIRECTION = "set", "reaction", "direction"
ERRORS: Final = ("error_model_eV", "error_level_eV", "error_total_eV")
BARRIER_COLUMNS: Final = (
    *(SET, REACTION, DIRECTION, "open_shell", "extrapolation", C.IN_TRAINING, "level", "reference"),
    *("model_eV", "label_eV", "reference_eV", *ERRORS),
)
_PARTS: Final = ("model", "level", "total")
_MEANS: Final = tuple(f"{kind}_{part}_eV" for part in _PARTS for kind in ("mae", "bias"))
SUMMARY_COLUMNS: Final = (
    *(SET, "reactions", "level", "n_reactions", "n_barriers", "n_open_shell", "n_extrapolation"),
    *("n_in_training", "n_skipped", *interval_columns(*_MEANS, "mae_mean_barrier_eV")),
)
GROUPS: Final = ("all", "closed_shell", "open_shell", "in_training", "not_in_training")


@dataclass(frozen=True)
class Reaction:
    """A reaction with its structures; energies (eV) are labels, NaN where there is none.

    ``reference_eV``: barriers (forward, backward) of a better source, named by ``reference``; ``level``: the level of
    theory of the labels; ``open_shell``: whether any species is.
    """

    set: str
    name: str
    reactants: tuple[Structure, ...]
    products: tuple[Structure, ...]
    saddle: Structure
    label_eV: tuple[float, float]
    level: str
    open_shell: bool = False
    reference_eV: tuple[float, float] = (float("nan"), float("nan"))
    reference: str = ""

    @property
    def sides(self) -> tuple[tuple[Structure, ...], tuple[Structure, ...]]:
        """Reactants, from which the forward barrier counts, and products."""
        return self.reactants, self.products

    @property
    def structures(self) -> tuple[Structure, ...]:
        """All species, the saddle first."""
        return (self.saddle, *self.reactants, *self.products)


def barrier_table(
    model: EdgePotential, reactions: Iterable[Reaction], coverage: Coverage | None
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return a row per reaction and direction, and how many reactions of each set the model cannot do.

    ``extrapolation`` is true of open shells, which no training set here has, and where a distance in the saddle
    or on that side does not occur in training (``coverage`` None: unknown, blank).
    """
    rows: list[dict[str, Any]] = []
    skipped: dict[str, int] = {}
    usable = []
    for reaction in reactions:
        if all(model.knows(structure) for structure in reaction.structures):
            usable.append(reaction)
        else:
            skipped[reaction.set] = skipped.get(reaction.set, 0) + 1
    energies = iter(evaluate(model, [s for reaction in usable for s in reaction.structures]))
    for reaction in usable:
        top = next(energies).energy
        sides = [sum(next(energies).energy for _ in side) for side in reaction.sides]
        rows += [_row(reaction, k, top - side, coverage) for k, side in enumerate(sides)]
    return pd.DataFrame(rows, columns=[str(name) for name in BARRIER_COLUMNS]), skipped


def _row(reaction: Reaction, k: int, barrier: float, coverage: Coverage | None) -> dict[str, Any]:
    side, label, reference = reaction.sides[k], reaction.label_eV[k], reaction.reference_eV[k]
    seen: dict[str, Any] = {"extrapolation": None, C.IN_TRAINING: None}
    if coverage is not None:
        outside = not all(coverage.covers(structure) for structure in (reaction.saddle, *side))
        seen = {
            "extrapolation": reaction.open_shell or outside,
            C.IN_TRAINING: not reaction.open_shell and coverage.trained_on(side),
        }
    return {
        SET: reaction.set,
        REACTION: reaction.name,
        DIRECTION: DIRECTIONS[k],
        "open_shell": reaction.open_shell,
        **seen,
        "level": reaction.level,
        "reference": reaction.reference,
        "model_eV": barrier,
        "label_eV": label,
        "reference_eV": reference,
        "error_model_eV": barrier - label,
        "error_level_eV": label - reference,
        "error_total_eV": barrier - reference,
    }


def summary_table(barriers: pd.DataFrame, skipped: dict[str, int]) -> pd.DataFrame:
    """Return mean absolute and mean errors of every set with 95 % jackknife intervals over its reactions.

    Both directions of a reaction are one group. ``mae_mean_barrier_eV`` is the error of knowing nothing but
    the other reactions: their mean labelled barrier. Groups of a set that are empty, or all of it, are left out.
    """
    rows = []
    for name in dict.fromkeys([*barriers[SET], *skipped]):
        whole = barriers[barriers[SET] == name]
        for group in GROUPS:
            part = whole[_chosen(whole, group)]
            if group == "all" or 0 < len(part) < len(whole):
                facts = {
                    SET: name,
                    "reactions": group,
                    "n_skipped": skipped.get(str(name), 0) if group == "all" else 0,
                }
                rows.append({**facts, **_scores(part)})
    return pd.DataFrame(rows, columns=[str(name) for name in SUMMARY_COLUMNS])


def _chosen(barriers: pd.DataFrame, group: str) -> NDArray[np.bool_]:
    if group == "all":
        return np.ones(len(barriers), dtype=bool)
    column = "open_shell" if group.endswith("shell") else str(C.IN_TRAINING)
    wanted = group in ("open_shell", "in_training")
    return np.array(
        [value is not None and bool(value) == wanted for value in barriers[column]], dtype=bool
    )


def _scores(part: pd.DataFrame) -> dict[str, Any]:
    row: dict[str, Any] = {
        "level": part["level"].iloc[0] if len(part) else "",
        "n_reactions": part[REACTION].nunique(),
        "n_barriers": len(part),
        "n_open_shell": part.loc[part["open_shell"].astype(bool), REACTION].nunique(),
        "n_extrapolation": _count(part["extrapolation"]),
        "n_in_training": _count(part[C.IN_TRAINING]),
    }
    reactions = part[REACTION].to_numpy(dtype=object)
    for kind in _PARTS:
        error = part[f"error_{kind}_eV"].to_numpy(dtype=float)
        row |= _mean(np.abs(error), reactions).columns(f"mae_{kind}_eV")
        row |= _mean(error, reactions).columns(f"bias_{kind}_eV")
    return row | _mean(np.abs(_from_others(part)), reactions).columns("mae_mean_barrier_eV")


def _count(flags: pd.Series) -> float:
    known = [bool(flag) for flag in flags if flag is not None]
    return float(sum(known)) if known else float("nan")


def _from_others(part: pd.DataFrame) -> Floats:
    """Return label minus the mean label of all other reactions, for each barrier."""
    label, reactions = part["label_eV"].to_numpy(dtype=float), part[REACTION].to_numpy(dtype=object)
    others = [label[(reactions != name) & np.isfinite(label)] for name in reactions]
    means = np.array([rest.mean() if len(rest) else np.nan for rest in others], dtype=float)
    return np.asarray(label - means)


def _mean(values: Floats, reactions: NDArray[np.object_]) -> Estimate:
    """Return mean and interval of the values that are numbers; NaN where there are none."""
    known = np.isfinite(values)
    if not known.any():
        return Estimate(float("nan"))
    return group_mean(values[known], pd.factorize(reactions[known])[0])


def barrier_of(energy: Floats, saddle: int) -> tuple[float, float]:
    """Return forward and backward barrier of the energies (M,) of a path: its saddle minus either end."""
    return float(energy[saddle] - energy[0]), float(energy[saddle] - energy[-1])
