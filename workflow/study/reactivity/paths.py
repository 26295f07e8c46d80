"""D along reaction paths: whether it falls on breaking and rises on forming bonds, and when.

A pair breaks if it is bonded in the reactant only, forms if in the product only. Which pairs these
are is read off |change of D| from end to end, as off the change of length, of Pauling's bond order
of the length, and of Mayer's bond order of the labels: the right answer has all changed pairs on
top.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from ase.data import covalent_radii
from numpy.typing import NDArray

from e3d.chemistry import bond_type
from e3d.fields import Column as C
from e3d.potential import EdgePotential
from e3d.statistics import NO, UNDETERMINED, YES
from study.reactivity import fields as f
from study.reactivity.coverage import Coverage
from study.reactivity.evaluated import Evaluated, Floats, evaluate
from study.reactivity.labelled import LabelledPath
from study.reactivity.scans import first_crossing

Bools = NDArray[np.bool_]
_PAULING_ANG: Final = 0.26
"""Pauling, J. Am. Chem. Soc. 69, 542 (1947): r(1) - r(n) = 0.60 Å log10 n of fractional bonds."""


def path_tables(
    model: EdgePotential, paths: Sequence[LabelledPath], coverage: Coverage | None, trained_at: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a row per image and pair bonded at either end, and a row per reaction.

    The second table says what is read off D. Energies are relative to the first image, each to its
    own; labels are blank for a run of another level of theory (``trained_at``, "" if unknown).
    Paths with elements unknown to the model are left out.
    """
    usable = [path for path in paths if model.knows(path.structures[0])]
    seen = iter(evaluate(model, [structure for path in usable for structure in path.structures]))
    rows: list[dict[str, Any]] = []
    changes: list[dict[str, Any]] = []
    for path in usable:
        frames = [next(seen) for _ in path.structures]
        rows += _rows(path, frames, trained_at)
        in_training = None if coverage is None else coverage.trained_on(path.structures[:1])
        reaction = {f.REACTION: path.name, C.IN_TRAINING: in_training}
        changes.append(reaction | _changes(path, frames, model.r_max))
    return pd.DataFrame(rows, columns=f.PATHS), pd.DataFrame(changes, columns=f.PATH_CHANGES)


def roles(path: LabelledPath) -> dict[tuple[int, int], str]:
    """Return the pairs bonded at either end, and whether they break, form or are kept."""
    before = {(bond.i, bond.j) for bond in path.structures[0].bonds or ()}
    after = {(bond.i, bond.j) for bond in path.product.bonds}
    kinds = dict.fromkeys(before - after, f.BREAKING) | dict.fromkeys(after - before, f.FORMING)
    return {pair: kinds.get(pair, f.KEPT) for pair in sorted(before | after)}


def _rows(path: LabelledPath, frames: Sequence[Evaluated], trained_at: str) -> list[dict[str, Any]]:
    labels = path.labels.beside(trained_at)
    z = path.structures[0].atomic_numbers.tolist()
    rows = []
    for k, frame in enumerate(frames):
        image = {
            f.REACTION: path.name,
            "image": k,
            f.PATH_COORDINATE: path.coordinate[k],
            f.PATH_FRACTION: path.fraction[k],
            f.SADDLE: k == path.saddle,
            f.MODEL_EV: frame.energy - frames[0].energy,
            f.LABEL_EV: labels.energy[k] - labels.energy[0],
            f.XTB_EV: path.xtb_energy[k] - path.xtb_energy[0],
            f.LEVEL: labels.level,
        }
        x = path.structures[k].positions
        for (i, j), role in roles(path).items():
            pair = {
                C.I: i,
                C.J: j,
                C.ELEMENTS: bond_type(z[i], z[j]),
                f.ROLE: role,
                C.R: float(np.linalg.norm(x[j] - x[i])),
                C.BOND_ENERGY: frame.bond_energy[i, j],
                f.MAYER: labels.order[k, i, j],
            }
            rows.append(image | pair)
    return rows


def _changes(path: LabelledPath, frames: Sequence[Evaluated], r_max: float) -> dict[str, Any]:
    """Return what is read off the change from end to end of pairs within the cutoff at an end."""
    x, z = np.array([s.positions for s in path.structures]), path.structures[0].atomic_numbers
    i, j = np.triu_indices(len(z), k=1)
    r = np.linalg.norm(x[:, j] - x[:, i], axis=-1)
    near = np.minimum(r[0], r[-1]) < r_max
    i, j, r = i[near], j[near], r[:, near]
    courses = {
        "bond_energy": np.array([frame.bond_energy[i, j] for frame in frames]),
        "length": r,
        "pauling": np.exp((covalent_radii[z[i]] + covalent_radii[z[j]] - r) / _PAULING_ANG),
        "mayer": path.labels.order[:, i, j],
    }
    role = roles(path)
    role_of = np.array([role.get(pair, "") for pair in zip(i.tolist(), j.tolist(), strict=True)])
    breaks, forms = role_of == f.BREAKING, role_of == f.FORMING
    d, n_changed = courses["bond_energy"], int((breaks | forms).sum())
    row: dict[str, Any] = {
        "n_pairs": len(i),
        "n_breaking": int(breaks.sum()),
        "n_forming": int(forms.sum()),
        "n_fall": int((d[-1] < d[0])[breaks].sum()),
        "n_rise": int((d[-1] > d[0])[forms].sum()),
        "hits_by_chance": n_changed**2 / len(i),
        "saddle_fraction": path.fraction[path.saddle],
        "label_saddle_fraction": _highest(path.fraction, path.labels.energy),
    }
    for name, course in courses.items():
        hits = _hits(np.abs(course[-1] - course[0]), breaks | forms)
        row[f"hits_{name}"] = hits
        row[f"read_off_{name}"] = (
            UNDETERMINED if np.isnan(hits) else YES if hits == n_changed else NO
        )
    for name in f.ORDERS:
        row[f"crossing_{name}"] = crossing(path.fraction, courses[name], breaks, forms)
    return row


def _highest(fraction: Floats, energy: Floats) -> float:
    """Return where the highest energy (M,) lies; NaN where one is unknown."""
    return float(fraction[energy.argmax()]) if np.isfinite(energy).all() else float("nan")


def _hits(change: Floats, changed: Bools) -> float:
    """Return how many changed pairs (P,) are among as many of largest change; NaN if unknown."""
    if not changed.any() or not np.isfinite(change).all():
        return float("nan")
    ranked = np.argsort(-change, kind="stable")
    return float(changed[ranked[: changed.sum()]].sum())


def crossing(fraction: Floats, course: Floats, breaks: Bools, forms: Bools) -> float:
    """Return the path fraction where breaking and forming bonds are equally far along.

    Each pair's column of ``course`` (M, P) is divided by its value at the end where the pair is
    bonded; the crossing is where the mean of the breaking ones first falls below that of the
    forming ones. NaN if there is no pair of either kind, a value is unknown, or an end value is not
    positive (no bond there, by this measure).

    Parameters
    ----------
    fraction
        Path coordinate (M,) from 0 to 1.
    course
        What is followed along the path, of P pairs.
    breaks, forms
        Which pairs (P,) break, and which form.
    """
    means = []
    for chosen, end in ((breaks, 0), (forms, -1)):
        bonded = course[end, chosen]
        if not len(bonded) or not (bonded > 0).all():
            return float("nan")
        means.append((course[:, chosen] / bonded).mean(axis=1))
    return first_crossing(fraction, means[0] - means[1])
