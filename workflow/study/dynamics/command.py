"""The command ``dynamics``: molecular dynamics with a trained model.

Four tables for each run. ``<run>.csv``: a row per molecule, temperature and bond.
``<run>.spectrum.csv``: power spectra of r and D per class of equivalent bonds.
``<run>.breaking.csv``: which bond breaks first, as announced by D, by length and by chance.
``<run>.trajectory.csv``: r and D along one replica that breaks. No label of a broken bond is read:
all of it is about the model.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from e3d import lineage, tables
from e3d.errors import InputError, choices
from e3d.models import load_model
from e3d.options import own_run
from e3d.potential import Potential
from e3d.structures import Structure, from_file
from study.dynamics.breaking import breaking_table, replica_scores
from study.dynamics.series import Outcome, Series
from study.dynamics.settings import read_settings
from study.dynamics.simulation import simulate
from study.dynamics.tables import bond_tables, trajectory_table

log = logging.getLogger(__name__)


def write_tables(
    *,
    model: Path,
    molecules: Path,
    settings: Mapping[str, Any],
    run: Mapping[str, Any] | None,
    device: str,
    output: Path,
) -> None:
    """Run the dynamics of one model; write ``output`` (``<run>.csv``) and three more beside it.

    Parameters
    ----------
    model, run, device
        Trained checkpoint, the run's columns, and where the model is evaluated.
    molecules
        File of relaxed molecules.
    settings
        The config key ``dynamics``, which names those of them that run.

    Raises
    ------
    InputError
        If the settings are not allowed, or name a molecule that is not in the file, or the model is
        of another run.
    """
    checked = read_settings(settings)
    potential = load_model(model, device)
    lineage.require_run(potential, run)
    structures = chosen(potential, molecules, checked.molecules)
    series = simulate(potential, structures, checked)
    parts = dynamics_tables(series, checked.first_sample)
    tables.write_of_run(
        parts,
        output,
        run or own_run(model),
        inputs=[model, molecules],
        settings=vars(checked),
        made_from=lineage.of_model(potential, run),
    )
    ended = [outcome for one in series for outcome in one.outcome]
    counts = ", ".join(f"{ended.count(outcome)} {outcome}" for outcome in Outcome)
    log.info("%d replicas: %s", len(ended), counts)


def chosen(model: Potential, path: Path, molecules: Sequence[str]) -> list[Structure]:
    """Return molecules (canonical SMILES) out of a file of relaxed ones.

    Those with elements that the model does not know are left out.

    Raises
    ------
    InputError
        If a molecule is not in the file.
    """
    known = {structure.smiles: structure for structure in from_file(path)}
    usable = []
    for name in molecules:
        if name not in known:
            raise InputError(
                f"dynamics.molecules: {name!r} is no molecule of {path} - {choices(name, known)}. "
                "Write one of these canonical SMILES."
            )
        if model.knows(known[name]):
            usable.append(known[name])
        else:
            log.warning("%s left out: the model does not know all of its elements", name)
    return usable


def dynamics_tables(series: Sequence[Series], first: int) -> dict[str, pd.DataFrame]:
    """Return the four tables by what their files' names end in.

    ``first`` is the first sample that counts.
    """
    bonds, spectra = bond_tables(series, first)
    return {
        "": bonds,
        ".spectrum": spectra,
        ".breaking": breaking_table(replica_scores(series, first)),
        ".trajectory": trajectory_table(series),
    }
