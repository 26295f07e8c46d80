"""Read labels that are there already, from a file in the SPICE layout."""

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from e3d.errors import InputError
from e3d.store.files.hdf5 import array, open_hdf5
from e3d_labels.geometries import read_group
from e3d_labels.task import Label, Task

_NEEDED = ("dft_total_energy", "dft_total_gradient")


def read_labels(path: Path, theory: str) -> list[tuple[int, Task, Label]]:
    """Return sample index, task and label of every conformation of a labelled file.

    Bond orders that the file lacks are None.

    Raises
    ------
    InputError
        If the file is of another level of theory, or a group lacks labels, or has others than one
        number for each conformation.
    """
    with open_hdf5(path) as file:
        level = str(file.attrs.get("level_of_theory", ""))
        if level.partition(",")[0].strip() != theory:  # after a comma: by which program
            raise InputError(
                f"{path}: its level_of_theory is {level!r}, and {theory} is asked for. Give a file "
                "of the same level of theory, or label everything anew."
            )
        return [
            row for name in file for row in _labels(file[name], name, f"{path}, group {name!r}")
        ]


def _labels(group: h5py.Group, name: str, where: str) -> Iterator[tuple[int, Task, Label]]:
    geometries = read_group(group, name, where)
    missing = [key for key in _NEEDED if key not in group]
    if missing:
        raise InputError(
            f"{where}: lacks {', '.join(missing)}, so it has no labels to take over. "
            "Drop the group."
        )
    m, n = len(geometries), len(geometries.numbers)
    if not m:
        return
    energy = array(group, "dft_total_energy", "(M,)", where)
    gradient = array(group, "dft_total_gradient", "(M, N, 3)", where)
    for values, shape in ((energy, (m,)), (gradient, (m, n, 3))):
        if values.shape != shape or not np.isfinite(values).all():
            raise InputError(
                f"{where}: a label has shape {values.shape} or is not a number, expected {shape} "
                f"for {m} conformations of {n} atoms. Drop the group."
            )

    def optional(key: str, shape: str) -> NDArray[np.float64] | None:
        return array(group, key, shape, where) if key in group else None

    mayer, wiberg, spin = (
        optional("mayer_indices", "(M, N, N)"),
        optional("wiberg_lowdin_indices", "(M, N, N)"),
        optional("spin_square", "(M,)"),
    )
    methods = ["RKS" if geometries.multiplicity == 1 else "UKS"] * m
    if "method" in group:
        methods = [method.decode() for method in group["method"][()]]
    for row in range(m):
        label = Label(
            energy=float(energy[row]),
            gradient=gradient[row],
            mayer=None if mayer is None else mayer[row],
            method=methods[row],
            spin_square=0.0 if spin is None else float(spin[row]),
            wiberg=None if wiberg is None else wiberg[row],
        )
        yield int(geometries.sample_index[row]), geometries.task(row), label
