"""D along reaction paths: whether it falls on the bonds that break and rises on those that form, and when.

A pair breaks if it is bonded in the reactant only, forms if in the product only. Which pairs these are is read off
|change of D| from end to end, as off the change of length, of Pauling's bond order of the length, and of Mayer's bond
order of the labels: the right answer has all changed pairs on top.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from ase.data import covalent_radii

from e3d.chemistry import symbol
from e3d.fields import Column as C
from e3d.potential import EdgePotential
from e3d.statistics import NO, UNDETERMINED, YES
from study.reactivity.coverage import Coverage
from study.reactivity.evaluated import Evaluated, Floats, Pair, all_pairs, distance, evaluate
from study.reactivity.labelled import LabelledPath
from study.reactivity.scans import first_crossing

REACTION = "reaction"
BREAKING, FORMING, KEPT = "breaking", "forming", "kept"
PATH_COLUMNS: Final = (
    *(
        REACTION,
        "image",
        "path_coordinate_ang",
        "path_fraction",
        "saddle",
        "model_eV",
        "label_eV",
        "xtb_eV",
    ),
    *("level", C.I, C.J, C.ELEMENTS, "role", C.R, C.BOND_ENERGY, "mayer_order"),
)
MEASURES: Final = ("bond_energy", "length", "pauling", "mayer")
CHANGE_COLUMNS: Final = (
    *(REACTION, C.IN_TRAINING, "n_pairs", "n_breaking", "n_forming", "n_fall", "n_rise"),
    *(f"hits_{name}" for name in MEASURES),
    *("hits_by_chance", *(f"read_off_{name}" for name in MEASURES)),
    *(f"crossing_{name}" for name in ("bond_energy", "pauling", "mayer")),
    *("saddle_fraction", "label_saddle_fraction"),
)
_PAULING_ANG = 0.26
"""Pauling, J. Am. Chem. Soc. 69, 542 (1947): r(1) - r(n) = 0.60 Å log10 n for fractional bonds, 0.26 Å ln n."""


def path_tables(
    model: EdgePotential,
    paths: Sequence[LabelledPath],
    coverage: Coverage | None,
    labelled_at: str,
    trained_at: str,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a row per image and pair bonded at either end, and a row per reaction of what is read off D.

    Energies are relative to the first image, each to its own; labels are blank for a run of another level of theory.
    Paths with elements unknown to the model are left out.
    """
    usable = [path for path in paths if model.knows(path.structures[0])]
    seen = iter(evaluate(model, [structure for path in usable for structure in path.structures]))
    rows: list[dict[str, Any]] = []
    changes: list[dict[str, Any]] = []
    labelled = trained_at in ("", labelled_at)
    for path in usable:
        frames = [next(seen) for _ in path.structures]
        rows += _rows(
            path, frames, labelled=labelled, level=labelled_at if labelled else trained_at
        )
        in_training = None if coverage is None else coverage.trained_on(path.structures[:1])
        changes.append(
            {REACTION: path.name, C.IN_TRAINING: in_training, **_changes(path, frames, model.r_max)}
        )
    names = [str(name) for name in PATH_COLUMNS]
    return pd.DataFrame(rows, columns=names), pd.DataFrame(
        changes, columns=[str(name) for name in CHANGE_COLUMNS]
    )


def roles(path: LabelledPath) -> dict[Pair, str]:
    """Return the pairs bonded at either end, and whether they break, form or are kept."""
    before = {(bond.i, bond.j) for bond in path.structures[0].bonds or ()}
    after = {(bond.i, bond.j) for bond in path.product.bonds}
    return {
        pair: KEPT if pair in before and pair in after else BREAKING if pair in before else FORMING
        for pair in sorted(before | after)
    }


def _rows(
    path: LabelledPath, frames: Sequence[Evaluated], *, labelled: bool, level: str
) -> list[dict[str, Any]]:
    label = path.labels.energy if labelled else np.full(len(frames), np.nan)
    z = path.structures[0].atomic_numbers
    rows = []
    for k, frame in enumerate(frames):
        image = {
            REACTION: path.name,
            "image": k,
            "path_coordinate_ang": path.coordinate[k],
            "path_fraction": path.fraction[k],
            "saddle": k == path.saddle,
            "model_eV": frame.energy - frames[0].energy,
            "label_eV": label[k] - label[0],
            "xtb_eV": path.xtb_energy[k] - path.xtb_energy[0],
            "level": level,
        }
        for (i, j), role in roles(path).items():
            pair = {
                C.I: i,
                C.J: j,
                C.ELEMENTS: "-".join(sorted((symbol(int(z[i])), symbol(int(z[j]))))),
                "role": role,
                C.R: distance(path.structures[k], (i, j)),
                C.BOND_ENERGY: frame.d((i, j)),
                "mayer_order": path.labels.order[k, i, j],
            }
            rows.append(image | pair)
    return rows


def pauling(r: Floats, pair: Pair, numbers: Sequence[int]) -> Floats:
    """Return Pauling's bond order of lengths (M,), exp((r_0 - r) / 0.26 Å), r_0 the sum of covalent radii."""
    i, j = (int(numbers[row]) for row in pair)
    return np.asarray(np.exp((covalent_radii[i] + covalent_radii[j] - r) / _PAULING_ANG))


def _changes(path: LabelledPath, frames: Sequence[Evaluated], r_max: float) -> dict[str, Any]:
    """Return what is read off the change from end to end, over the pairs within the cutoff at either end."""
    numbers = path.structures[0].atomic_numbers.tolist()
    lengths = {
        pair: np.array([distance(s, pair) for s in path.structures])
        for pair in all_pairs(path.structures[0])
    }
    pairs = [pair for pair, r in lengths.items() if min(r[0], r[-1]) < r_max]
    courses: dict[str, Mapping[Pair, Floats]] = {
        "bond_energy": {pair: np.array([frame.d(pair) for frame in frames]) for pair in pairs},
        "length": {pair: lengths[pair] for pair in pairs},
        "pauling": {pair: pauling(lengths[pair], pair, numbers) for pair in pairs},
        "mayer": {pair: path.labels.order[:, pair[0], pair[1]] for pair in pairs},
    }
    role = roles(path)
    broken = [pair for pair, name in role.items() if name == BREAKING and pair in lengths]
    formed = [pair for pair, name in role.items() if name == FORMING and pair in lengths]
    d = courses["bond_energy"]
    n_changed = len(broken) + len(formed)
    row: dict[str, Any] = {
        "n_pairs": len(pairs),
        "n_breaking": len(broken),
        "n_forming": len(formed),
        "n_fall": sum(bool(d[pair][-1] < d[pair][0]) for pair in broken),
        "n_rise": sum(bool(d[pair][-1] > d[pair][0]) for pair in formed),
        "hits_by_chance": n_changed**2 / len(pairs),
        "saddle_fraction": path.fraction[path.saddle],
        "label_saddle_fraction": _top(path),
    }
    for name, course in courses.items():
        hits = _hits({pair: abs(x[-1] - x[0]) for pair, x in course.items()}, {*broken, *formed})
        row[f"hits_{name}"] = hits
        row[f"read_off_{name}"] = _verdict(hits, n_changed)
    for name in ("bond_energy", "pauling", "mayer"):
        row[f"crossing_{name}"] = crossing(path.fraction, courses[name], broken, formed)
    return row


def _top(path: LabelledPath) -> float:
    """Return where the highest labelled image lies; NaN where an image has no label."""
    energy = path.labels.energy
    return float(path.fraction[int(energy.argmax())]) if np.isfinite(energy).all() else float("nan")


def _hits(change: Mapping[Pair, float], changed: set[Pair]) -> float:
    """Return how many of the ``changed`` pairs are among the so many pairs of largest change; NaN if unknown."""
    if not changed or not np.isfinite(list(change.values())).all():
        return float("nan")
    ranked = sorted(change, key=lambda pair: (-change[pair], pair))
    return float(len(changed.intersection(ranked[: len(changed)])))


def _verdict(hits: float, n_changed: int) -> str:
    return UNDETERMINED if not np.isfinite(hits) else YES if hits == n_changed else NO


def crossing(
    fraction: Floats, course: Mapping[Pair, Floats], broken: Sequence[Pair], formed: Sequence[Pair]
) -> float:
    """Return the path fraction where breaking and forming bonds are equally far along.

    Each pair's course (M,) is divided by its value at the end where it is bonded; the crossing is where the mean of
    the breaking ones first falls below that of the forming ones. NaN if there is no pair of either kind, a value is
    unknown, or an end value is not positive (no bond there, by this measure).
    """
    means = []
    for pairs, end in ((broken, 0), (formed, -1)):
        ends = [course[pair][end] for pair in pairs if pair in course]
        if not ends or len(ends) < len(pairs) or not all(value > 0 for value in ends):
            return float("nan")
        means.append(np.mean([course[pair] / course[pair][end] for pair in pairs], axis=0))
    return first_crossing(fraction, means[0] - means[1])
