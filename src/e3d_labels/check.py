"""Check the labels of a file: compute a random few again and compare."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from e3d import tables
from e3d.errors import InputError
from e3d.theory import Theory
from e3d_labels.earlier_labels import labels_of
from e3d_labels.labelling import compute
from e3d_labels.task import Label
from e3d_labels.theories import settings_of, theory_named

log = logging.getLogger(__name__)


def check_labels(
    source: Path, output: Path, *, theory: Theory, n: int, seed: int, jobs: int = 1
) -> pd.DataFrame:
    """Write ``output``: a row per conformation computed again, with the differences new minus old.

    Parameters
    ----------
    n
        Conformations, drawn at random from all of ``source``.

    Raises
    ------
    InputError
        If the file is of another level of theory, has fewer conformations, or one does not converge.
    """
    known = labels_of(source, theory)
    if n > len(known):
        raise InputError(
            f"{source}: {n} conformations asked for, it has {len(known)}. Ask for fewer."
        )
    chosen = [known[k] for k in sorted(np.random.default_rng(seed).permutation(len(known))[:n])]
    outcomes = compute([task for _, task, _ in chosen], theory, jobs=jobs)
    rows = []
    for (index, task, old), new in zip(chosen, outcomes, strict=True):
        if not isinstance(new, Label):
            raise InputError(
                f"{source}: {task.group} conformation {index}: {new}. Its label cannot be checked."
            )
        rows.append(
            {
                "group": task.group,
                "sample_index": index,
                "energy_difference_hartree": new.energy - old.energy,
                "gradient_difference_max_hartree_per_bohr": float(
                    np.abs(new.gradient - old.gradient).max()
                ),
            }
        )
    table = pd.DataFrame(rows)
    tables.write(
        table, output, inputs=[source], settings={"n": n, "seed": seed, **settings_of(theory)}
    )
    log.info(
        "%s: largest energy difference %.2g hartree",
        source,
        table["energy_difference_hartree"].abs().max(),
    )
    return table


def check_file(labels: Path, output: Path, theory: str, n: int, seed: int, jobs: int) -> None:
    """Compute labels again at the theory that a name or a short name says."""
    check_labels(labels, output, theory=theory_named(theory), n=n, seed=seed, jobs=jobs)
