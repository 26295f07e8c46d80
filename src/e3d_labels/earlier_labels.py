"""Labels that are there already, in a file in the SPICE layout: taken over instead of computed again."""

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from e3d.errors import InputError
from e3d.store.files.hdf5 import array, open_hdf5
from e3d.theory import Theory
from e3d_labels.geometries import read_group
from e3d_labels.journal import Journal
from e3d_labels.task import Label, Task

_NEEDED = ("dft_total_energy", "dft_total_gradient")


def take_over(path: Path, journal: Journal, theory: Theory) -> int:
    """Put the labels of a file into the journal where it has none yet; return how many.

    Bond orders the file does not have are not a number in what is written from them.

    Raises
    ------
    InputError
        If the file is of another level of theory, or a group lacks labels, or has others than one number for each
        conformation.
    """
    fresh = [(task, label) for _, task, label in labels_of(path, theory) if not journal.done(task)]
    journal.put(fresh)
    return len(fresh)


def labels_of(path: Path, theory: Theory) -> list[tuple[int, Task, Label]]:
    """Return sample index, task and label of every conformation of a labelled file.

    Raises
    ------
    InputError
        As :func:`take_over`.
    """
    with open_hdf5(path) as file:
        level = str(file.attrs.get("level_of_theory", ""))
        if level.partition(",")[0].strip() != theory.name:  # after a comma: by which program
            raise InputError(
                f"{path}: its level_of_theory is {level!r}, and {theory.name} is asked for. Give a file of the same "
                "level of theory, or label everything anew."
            )
        return [
            row for name in file for row in _labels(file[name], name, f"{path}, group {name!r}")
        ]


def _labels(group: h5py.Group, name: str, where: str) -> Iterator[tuple[int, Task, Label]]:
    geometries = read_group(group, name, where)
    missing = [key for key in _NEEDED if key not in group]
    if missing:
        raise InputError(
            f"{where}: lacks {', '.join(missing)}, so it has no labels to take over. Drop the group."
        )
    if not len(geometries):
        return
    energy = array(group, "dft_total_energy", "(M,)", where)
    gradient = array(group, "dft_total_gradient", "(M, N, 3)", where)
    m, n = len(geometries), len(geometries.numbers)
    for values, shape in ((energy, (m,)), (gradient, (m, n, 3))):
        if values.shape != shape or not np.isfinite(values).all():
            raise InputError(
                f"{where}: a label has shape {values.shape} or is not a number, expected {shape} for {m} conformations "
                f"of {n} atoms. Drop the group."
            )
    unknown = np.full((len(geometries), n, n), np.nan)
    mayer = (
        array(group, "mayer_indices", "(M, N, N)", where) if "mayer_indices" in group else unknown
    )
    wiberg = (
        array(group, "wiberg_lowdin_indices", "(M, N, N)", where)
        if "wiberg_lowdin_indices" in group
        else None
    )
    closed = geometries.multiplicity == 1
    methods = (
        [m.decode() for m in group["method"][()]]
        if "method" in group
        else ["RKS" if closed else "UKS"] * len(energy)
    )
    spin = (
        array(group, "spin_square", "(M,)", where)
        if "spin_square" in group
        else np.zeros(len(energy))
    )
    for row in range(len(geometries)):
        orders = None if wiberg is None else wiberg[row]
        label = Label(
            float(energy[row]), gradient[row], mayer[row], orders, methods[row], float(spin[row])
        )
        yield int(geometries.sample_index[row]), geometries.task(row), label
