"""Laws that a model must obey, whatever it was trained on: how far it is from each of them.

A law is checked on a few structures and answers with its :class:`Deviation`, the largest in units
of what is allowed. Limits follow from the rounding of float64, in which every model is analysed.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from e3d.arrays import Floats, Ints
from e3d.edges import EdgeEnergies
from e3d.graphs import make_batch
from e3d.pairs import SUM_RULE_TOLERANCE_EV, sum_rule_violation
from e3d.potential import EdgePotential
from e3d.structures import NOT_PERIODIC, Structure
from study.soundness import fields

ENERGY, EDGE_ENERGY, FORCE = "energy", "edge energy", "force"
EV, EV_PER_ANG = "eV", "eV/Å"
EPS: Final = float(np.finfo(np.float64).eps)
ROUNDINGS: Final = 64
"""Of a total energy: what sums over atoms and edges may lose (:mod:`e3d.pairs`)."""
SAME: Final = 1e-6
"""Share of the largest value by which symmetric structures may differ. Constants that a file keeps
in float32 lose 6e-8 each; what a table or figure could show is a thousand times more."""
SMOOTH: Final = 1e-3
"""Share of the largest force by which two steps of a finite difference may differ at most: an
energy that is rougher has no gradient to compare with."""
_CURVATURE: Final = 100.0
"""eV/Å^3, third derivative of a stretched bond: it sets the step of a finite difference."""
_STEPS, _STEEPER = 4, 30.0
"""Steps that are tried, and how much larger the derivative must be found for another one."""
_DIRECTIONS: Final = 4
_BEYOND: Final = 1.02
"""Distance of a foreign atom over the cutoff."""
_ROOM_ANG: Final = 0.8
_PLACES: Final = 200

Rng = np.random.Generator


@dataclass(frozen=True)
class Deviation:
    """How far a model is from a law: ``value`` and ``limit`` of a quantity, in its unit."""

    law: str
    quantity: str
    value: float
    limit: float
    unit: str

    @property
    def obeyed(self) -> bool:
        """Whether the deviation is within its limit; one that is not a number is not."""
        return self.value <= self.limit

    @property
    def size(self) -> float:
        """The deviation in units of its limit, to compare quantities; infinite if not a number."""
        if math.isnan(self.value):
            return math.inf
        return self.value / self.limit if self.limit > 0 else (math.inf if self.value > 0 else 0.0)


@dataclass(frozen=True)
class Answer:
    """What a model says of one structure of N atoms: energy, forces (N, 3), energies of edges."""

    energy: float
    forces: Floats
    edges: EdgeEnergies

    @property
    def largest_eps(self) -> float:
        """The scale of edge energies, at least 1 eV."""
        return max(1.0, float(np.abs(self.edges.eps).max(initial=0.0)))

    @property
    def largest_force(self) -> float:
        """The scale of forces, at least 1 eV/Å."""
        return max(1.0, float(np.abs(self.forces).max(initial=0.0)))


def ask(model: EdgePotential, structure: Structure) -> Answer:
    """Return what a model says of a structure."""
    batch = make_batch([structure], model.r_max)
    energy, forces = model.energies_and_forces(batch)
    return Answer(float(energy[0]), forces, model.edge_energies(batch))


def check_laws(model: EdgePotential, structures: Sequence[Structure], rng: Rng) -> list[Deviation]:
    """Return the deviation from every law, the largest over the structures.

    Where numbers are not finite, no other law can be checked.
    """
    found: list[Deviation] = []
    for structure in structures:
        answer = ask(model, structure)
        finite = _finite(answer)
        found.append(finite)
        if finite.obeyed:
            found += [_sum_rule(answer), _gradient(model, structure, answer, rng)]
            found += _symmetries(model, structure, answer, rng)
            found += _locality(model, structure, rng)
    return largest(found)


def largest(found: Iterable[Deviation]) -> list[Deviation]:
    """Return the largest deviation from each law, in the order of the laws."""
    of_law: dict[str, Deviation] = {}
    for one in found:
        if one.law not in of_law or one.size > of_law[one.law].size:
            of_law[one.law] = one
    return [of_law[law] for law in fields.LAWS if law in of_law]


def _finite(answer: Answer) -> Deviation:
    """Count what is not a number."""
    values = np.concatenate([[answer.energy], answer.forces.ravel(), answer.edges.eps])
    bad = float(np.count_nonzero(~np.isfinite(values)))
    return Deviation(fields.FINITE, "values that are no numbers", bad, 0.0, "")


def _sum_rule(answer: Answer) -> Deviation:
    """Compare the energy with shifts and edges: also that whose gradient the forces are."""
    edges = answer.edges
    missed = float(sum_rule_violation(edges)[0])
    with_forces = replace(edges, energy=np.array([answer.energy]))
    missed = max(missed, float(sum_rule_violation(with_forces)[0]))
    return Deviation(fields.SUM_RULE, ENERGY, missed, _allowed(answer.energy), EV)


def _allowed(energy: float) -> float:
    """Return what an energy may be off by, eV: 1e-8, or 64 roundings of it where that is more."""
    return max(SUM_RULE_TOLERANCE_EV, ROUNDINGS * EPS * abs(energy))


def _gradient(model: EdgePotential, structure: Structure, answer: Answer, rng: Rng) -> Deviation:
    """Compare forces with central differences of the energy along random directions.

    A step h = (3 eps |E| / E''')^(1/3) balances rounding and truncation (Numerical Recipes, 5.7).
    Differences at h and 2h give the extrapolated one, the third derivative, and from how far they
    are apart the limit.
    """
    energy = max(1.0, abs(answer.energy))
    directions = rng.normal(size=(_DIRECTIONS, *structure.positions.shape))
    directions /= np.linalg.norm(directions, axis=(1, 2), keepdims=True)
    curvature = _CURVATURE
    for _ in range(_STEPS):
        step = (3 * EPS * energy / curvature) ** (1 / 3)
        near, far = _differences(model, structure, directions, step)
        apart = np.abs(near - far)
        found = 2 * float(apart.max()) / step**2
        if not found > _STEEPER * curvature:
            break
        curvature = found  # as of a model whose training diverged
    slope = -np.einsum("nx,dnx->d", answer.forces, directions)
    rounding = ROUNDINGS * EPS * energy / step
    largest_force = float(np.abs(answer.forces).max())
    limit = np.maximum(rounding, np.minimum(apart + rounding, SMOOTH * largest_force))
    missed = np.abs((4 * near - far) / 3 - slope)
    pairs = zip(missed.tolist(), limit.tolist(), strict=True)
    of_directions = [Deviation(fields.GRADIENT, FORCE, *pair, EV_PER_ANG) for pair in pairs]
    return max(of_directions, key=lambda one: one.size)


def _differences(
    model: EdgePotential, structure: Structure, directions: Floats, step: float
) -> tuple[Floats, Floats]:
    """Return central differences of the energy at ``step`` and twice of it, both (D,), eV/Å.

    ``directions`` are D displacements of all atoms (D, N, 3), Å.
    """
    moved = [
        replace(structure, positions=structure.positions + k * step * direction)
        for direction in directions
        for k in (1, -1, 2, -2)
    ]
    energies = [model.energies_and_forces(batch)[0] for batch in model.batches(moved)]
    up, down, up2, down2 = np.concatenate(energies).reshape(len(directions), 4).T
    return (up - down) / (2 * step), (up2 - down2) / (4 * step)


def _symmetries(
    model: EdgePotential, structure: Structure, answer: Answer, rng: Rng
) -> list[Deviation]:
    """Turn, reflect, shift and reorder a structure: what a model says must follow."""
    same = np.arange(len(structure.positions))
    rotation = _rotation(rng)
    found = []
    for law, matrix in ((fields.ROTATION, rotation), (fields.REFLECTION, -rotation)):
        cell = None if structure.cell is None else structure.cell @ matrix.T
        turned = replace(structure, positions=structure.positions @ matrix.T, cell=cell)
        found += _compared(law, answer, ask(model, turned), same, matrix)
    shifted = replace(structure, positions=structure.positions + rng.uniform(-3, 3, size=3))
    found += _compared(fields.TRANSLATION, answer, ask(model, shifted), same, np.eye(3))
    order = rng.permutation(len(same))
    reordered = replace(
        structure,
        positions=structure.positions[order],
        atomic_numbers=structure.atomic_numbers[order],
    )
    return found + _compared(fields.PERMUTATION, answer, ask(model, reordered), order, np.eye(3))


def _rotation(rng: Rng) -> Floats:
    """Return a random rotation (3, 3)."""
    matrix, upper = np.linalg.qr(rng.normal(size=(3, 3)))
    matrix = matrix * np.sign(np.diag(upper))
    turned: Floats = matrix * np.sign(np.linalg.det(matrix))
    return turned


def _compared(
    law: str, before: Answer, after: Answer, order: Ints, matrix: Floats
) -> list[Deviation]:
    """Compare answers on a structure and on its image.

    Atom k of the image is ``order[k]`` of the first, and ``matrix`` (3, 3) turned it.
    """
    forces = np.empty_like(before.forces)
    forces[order] = after.forces @ matrix
    binding = abs(before.energy - float(before.edges.shift[0]))
    energy = max(_allowed(before.energy), SAME * binding)
    eps = _difference(_by_edge(before.edges), _by_edge(after.edges, order))
    return [
        Deviation(law, ENERGY, abs(after.energy - before.energy), energy, EV),
        Deviation(law, EDGE_ENERGY, eps, SAME * before.largest_eps, EV),
        Deviation(
            law,
            FORCE,
            float(np.abs(forces - before.forces).max()),
            SAME * before.largest_force,
            EV_PER_ANG,
        ),
    ]


def _by_edge(edges: EdgeEnergies, order: Ints | None = None) -> "pd.Series[float]":
    """Return eps (eV) by centre, neighbour and cell shift of each edge."""
    i, j = edges.centre, edges.neighbour
    if order is not None:
        i, j = order[i], order[j]
    return pd.Series(edges.eps, index=pd.MultiIndex.from_arrays([i, j, *edges.cell_shift.T]))


def _difference(first: "pd.Series[float]", second: "pd.Series[float]") -> float:
    """Return the largest difference; an edge at the cutoff may be in one alone, and weighs 0."""
    return float(first.sub(second, fill_value=0.0).abs().max()) if len(first) else 0.0


def _locality(model: EdgePotential, structure: Structure, rng: Rng) -> list[Deviation]:
    """Add an atom just beyond the cutoff of some centres: the energies of their edges must stay.

    Without its cell, a periodic structure is a cluster, on which this holds as well. There is no
    answer where no such place is free.
    """
    alone = replace(structure, cell=None, pbc=NOT_PERIODIC)
    place = _place_beyond(alone.positions, model.r_max, rng)
    if place is None:
        return []
    beside, position = place
    more = replace(
        alone,
        positions=np.vstack([alone.positions, position]),
        atomic_numbers=np.append(alone.atomic_numbers, alone.atomic_numbers[beside]),
    )
    far = np.linalg.norm(alone.positions - position, axis=1) > model.r_max
    before, after = (model.edge_energies(make_batch([one], model.r_max)) for one in (alone, more))
    kept = [_by_edge(edges)[np.append(far, False)[edges.centre]] for edges in (before, after)]
    scale = max(1.0, float(np.abs(before.eps).max(initial=0.0)))
    return [Deviation(fields.LOCALITY, EDGE_ENERGY, _difference(*kept), SAME * scale, EV)]


def _place_beyond(positions: Floats, r_max: float, rng: Rng) -> tuple[int, Floats] | None:
    """Return a place beyond the cutoff of an atom i, behind a neighbour j of it, and j.

    Of some pairs, that with most room around it: the foreign atom is within the cutoff of j.
    """
    vector = positions[None, :] - positions[:, None]
    length = np.linalg.norm(vector, axis=2)
    pairs = np.argwhere((length > 0) & (length < r_max))
    pairs = pairs[rng.permutation(len(pairs))[:_PLACES]]
    if not len(pairs):
        return None
    i, j = pairs.T
    places = positions[i] + _BEYOND * r_max * vector[i, j] / length[i, j, None]
    room = np.linalg.norm(places[:, None] - positions[None, :], axis=2).min(axis=1)
    best = int(room.argmax())
    return (int(j[best]), places[best]) if room[best] > _ROOM_ANG else None
