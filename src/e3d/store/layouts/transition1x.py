"""Read Transition1x: /{data,train,val,test}/{formula}/{reaction}/, eV and Å, wB97x/6-31G(d).

Facts from its own data loader (gitlab.com/matschreiner/Transition1x): a reaction group holds the
images of all NEB iterations, and sub-groups ``reactant``, ``product`` and ``transition_state`` hold
one frame each. ``/data`` has every reaction; the other three are views of it. So each reaction is
read once, and the views only say which split it belongs to.

The loader does not say whether the three single frames are images of the path. So each reaction is
searched for them: an image of the path is dropped and counted, any other is added to its group.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

from e3d.errors import InputError
from e3d.store.duplicates import TOLERANCE_ANG, contradiction
from e3d.store.files.hdf5 import (
    atomic_numbers,
    damage_named,
    open_hdf5,
    require,
    subgroups,
    texts_around,
)
from e3d.store.group import Group
from e3d.store.layouts.charge_and_spin import state_of_group
from e3d.store.layouts.contradictions import require_named_formula
from e3d.store.layouts.frames import formula, is_level, levels_in
from e3d.store.layouts.stated_units import array_in_unit

NUMBERS, POSITIONS, ENERGY, FORCES = NEEDED = (
    "atomic_numbers",
    "positions",
    "wB97x_6-31G(d).energy",
    "wB97x_6-31G(d).forces",
)
NAME = "Transition1x"
ATOMIZATION = "wB97x_6-31G(d).atomization_energy"
"""Energy less isolated atoms, as the loader computes it; files made by others may hold it."""
VIEWS = ("train", "val", "test")
END_POINTS = ("reactant", "product", "transition_state")
ON_THE_PATH = "reactants, products and transition states that are images of the path"


def read(path: Path) -> Iterator[Group]:
    """Yield every reaction once, path and end points together, named by its Hill formula.

    The subset names the split a reaction belongs to, if any; every system is neutral and a singlet.
    End points whose atoms are in another order than the path's come as groups of their own.

    Raises
    ------
    InputError
        For a file without reactions, a missing key, a wrong shape, an end point of another charge
        or spin than its path, a view with other numbers, or other atoms than the formula says,
        naming the reaction.
    """
    with open_hdf5(path) as file, damage_named(str(path)):
        seen: set[str] = set()
        for root in ("data", *VIEWS):
            for key, group in reactions(file, root, path):
                if key not in seen:
                    seen.add(key)
                    where = f"{path}, /{root}/{key}"
                    _require_one_reaction(file, root, key, where)
                    for found in _reaction(group, _subset(file, key), where):
                        require_named_formula(key.partition("/")[0], found.atomic_numbers, where)
                        yield found
        if not seen:
            raise InputError(
                f"{path}: holds no reactions; {NAME} has groups data, train, val, test with "
                "{formula}/{reaction} in each. Check the file or its `layout`."
            )


def reactions(file: h5py.File, root: str, path: Path) -> Iterator[tuple[str, h5py.Group]]:
    """Yield formula/reaction and the group of each."""
    if root in file:
        for name, found in subgroups(file[root], f"{path}, /{root}"):
            for reaction, group in subgroups(found, f"{path}, /{root}/{name}"):
                yield f"{name}/{reaction}", group


def _subset(file: h5py.File, key: str) -> str:
    split = next((view for view in VIEWS if f"{view}/{key}" in file), None)
    return f"{NAME} {split}" if split else NAME


def _require_one_reaction(file: h5py.File, root: str, key: str, where: str) -> None:
    """Refuse a view whose reaction has other numbers; links to the same group are the same."""
    for view in VIEWS:
        if view == root or f"{view}/{key}" not in file:
            continue
        one, other = file[f"{root}/{key}"], file[f"{view}/{key}"]
        if one == other:
            continue
        require(one, NEEDED, NAME, where)
        require(other, NEEDED, NAME, f"{file.filename}, /{view}/{key}")
        for name in NEEDED:
            if not np.array_equal(one[name][()], other[name][()], equal_nan=True):
                raise InputError(
                    f"{where}: {name} differs from that of /{view}/{key} - the views hold the "
                    "same reactions. Correct one of the two, or remove the view."
                )


def _reaction(group: h5py.Group, subset: str, where: str) -> Iterator[Group]:
    images = _frames(group, subset, where, (0, 1))
    of_path = (images.charge, images.multiplicity)
    for name, single in subgroups(group, where):
        if name in END_POINTS:
            end = _frames(single, subset, f"{where}/{name}", of_path)
            found = (end.charge, end.multiplicity)
            if found != of_path:
                raise InputError(
                    f"{where}/{name}: charge and multiplicity are {found}, those of the reaction's "
                    f"path {of_path} - expected the same. Correct one of them."
                )
            if sorted(end.atomic_numbers) != sorted(images.atomic_numbers):
                raise InputError(
                    f"{where}/{name}: holds {end.name}, and the reaction's path {images.name} - "
                    "expected the same atoms. Correct one of them."
                )
            if np.array_equal(end.atomic_numbers, images.atomic_numbers):
                images = _merged(images, end, f"{where}/{name}")
            else:
                yield end
    yield images


def _frames(
    group: h5py.Group, subset: str, where: str, default: tuple[int | None, int | None]
) -> Group:
    """Return the frames of a group; ``default`` is charge and multiplicity if it states none."""
    require(group, NEEDED, NAME, where)
    numbers = atomic_numbers(group, NUMBERS, "(N,)", where)
    charge, multiplicity = state_of_group(group, numbers, where)
    return Group(
        smiles="",
        name=formula(numbers),
        subset=subset,
        atomic_numbers=numbers,
        positions=array_in_unit(group, POSITIONS, "(M, N, 3)", "length", 1.0, where),
        energy=array_in_unit(group, ENERGY, "(M,)", "energy", 1.0, where),
        forces=array_in_unit(group, FORCES, "(M, N, 3)", "force", 1.0, where),
        formation_energy=array_in_unit(group, ATOMIZATION, "(M,)", "energy", 1.0, where)
        if ATOMIZATION in group
        else None,
        levels=levels_in(texts_around(group, is_level, where)),
        charge=default[0] if charge is None else charge,
        multiplicity=default[1] if multiplicity is None and len(numbers) > 1 else multiplicity,
    )


def _merged(images: Group, end: Group, where: str) -> Group:
    """Add the frames of ``end`` that are no image yet, and count those that are."""
    n = len(images.atomic_numbers)
    if images.positions.shape[1:] != (n, 3) or end.positions.shape[1:] != (n, 3):
        raise InputError(
            f"{where}: positions {end.positions.shape} do not fit {n} atoms. Fix the group."
        )
    new = np.ones(len(end.positions), dtype=bool)
    for k, own in enumerate(end.positions):
        apart = np.abs(images.positions - own).max(axis=(1, 2), initial=0)
        for image in np.flatnonzero(apart < TOLERANCE_ANG)[:1].tolist():
            new[k] = False
            found = contradiction(
                float(end.energy[k]),
                end.forces[k],
                float(images.energy[image]),
                images.forces[image],
            )
            if found:
                raise InputError(f"{where}, as image {image} of the path: {found}")
    dropped = dict(images.dropped)
    if not new.all():
        dropped[ON_THE_PATH] = dropped.get(ON_THE_PATH, 0) + int((~new).sum())
    return replace(
        images,
        positions=np.concatenate([images.positions, end.positions[new]]),
        energy=np.concatenate([images.energy, end.energy[new]]),
        forces=np.concatenate([images.forces, end.forces[new]]),
        formation_energy=None
        if images.formation_energy is None or end.formation_energy is None
        else np.concatenate([images.formation_energy, end.formation_energy[new]]),
        dropped=dropped,
    )
