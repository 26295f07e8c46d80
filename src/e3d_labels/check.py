"""Check the labels of a file: compute a random few again and compare."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from e3d import tables
from e3d.errors import InputError
from e3d_labels.each_molecule import Progress
from e3d_labels.earlier_labels import read_labels
from e3d_labels.labelling import compute
from e3d_labels.programs import program_of
from e3d_labels.task import Label, Task

log = logging.getLogger(__name__)

ENERGY: Final = "energy_difference_hartree"
GRADIENT: Final = "gradient_difference_max_hartree_per_bohr"


def check_labels(
    labels: Path, output: Path, *, theory: str, n: int, seed: int, jobs: int = 1
) -> pd.DataFrame:
    """Write ``output``: a row per conformation computed again, with the differences new minus old.

    Parameters
    ----------
    theory
        Full or short name, see :mod:`e3d_labels.programs`.
    n
        Conformations, drawn at random from all of ``labels``.

    Raises
    ------
    InputError
        If the file is of another level of theory, has fewer conformations, or one does not
        converge.
    """
    program = program_of(theory)
    known = read_labels(labels, program.theory)
    if n > len(known):
        raise InputError(
            f"{labels}: {n} conformations asked for, it has {len(known)}. Ask for fewer."
        )
    program.require()
    chosen = [known[k] for k in sorted(np.random.default_rng(seed).permutation(len(known))[:n])]
    log.info("%s: %d of %d conformations to compute again", labels, n, len(known))
    found: dict[int, Label | str] = {}
    progress = Progress(f"%d of {n} computed again")

    def keep(tasks: Sequence[Task], outcomes: Sequence[Label | str]) -> None:
        found.update(zip(map(id, tasks), outcomes, strict=True))
        progress.add(len(tasks))

    compute([task for _, task, _ in chosen], program, keep, jobs=jobs, chunk=1)
    rows = []
    for index, task, old in chosen:
        new = found[id(task)]
        if not isinstance(new, Label):
            raise InputError(
                f"{labels}: {task.group} conformation {index}: {new}. Its label cannot be checked."
            )
        rows.append(
            {
                "group": task.group,
                "sample_index": index,
                ENERGY: new.energy - old.energy,
                GRADIENT: float(np.abs(new.gradient - old.gradient).max()),
            }
        )
    table = pd.DataFrame(rows)
    settings = {"n": n, "seed": seed, **program.settings}
    tables.write(table, output, inputs=[labels], settings=settings)
    log.info("%s: largest energy difference %.2g hartree", labels, table[ENERGY].abs().max())
    return table
