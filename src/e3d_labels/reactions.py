"""From a list of reactions to the images of their paths, as geometries to label."""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np

from e3d import provenance, tables
from e3d.chemistry import molecule
from e3d.errors import InputError
from e3d.store.layouts.spice import (
    PATH_COORDINATE,
    PATH_SUBSET,
    PRODUCT_SMILES,
    SADDLE_ROW,
    XTB_ENERGY,
)
from e3d.units import BOHR_ANG, HARTREE_EV
from e3d_labels.each_molecule import compute_each
from e3d_labels.embed import xtb
from e3d_labels.geometries import electrons, new_file, write_group
from e3d_labels.journal import Journal
from e3d_labels.molecule_list import hdf5_name, require_neutral
from e3d_labels.programs import require
from e3d_labels.reaction_ends import Reaction
from e3d_labels.reaction_paths import ReactionPath, find_path

log = logging.getLogger(__name__)

NEGATIVE_MODES: Final = "negative_modes"
"""Dataset of a group: (1,), eV/Å²/u."""
_MIN_IMAGES = 5


def find_paths(reactions: Path, output: Path, *, images: int, jobs: int = 1) -> dict[str, Any]:
    """Find the path of every reaction of a list and write the images of those that have one.

    Finished reactions are kept at once in ``<output>.journal``: a second call goes on there.

    Parameters
    ----------
    images
        Number of images of a path, both ends among them.
    jobs
        Processes, one thread each.

    Returns
    -------
    The report, also written to ``<output>.report.json``: how many reactions have a path, and why
    the others have none.

    Raises
    ------
    InputError
        For a list that cannot be read, too few images, a missing tblite, or when no reaction has a
        path.
    """
    if images < _MIN_IMAGES:
        raise InputError(
            f"--images {images}: at least {_MIN_IMAGES} are needed, both ends among them. Raise it."
        )
    listed = read_reactions(reactions)
    require("tblite")
    path = output.with_name(output.name + ".journal")
    with Journal(path, ReactionPath, partial(_key, images=images)) as journal:
        one = partial(find_path, calculator=xtb, images=images)
        compute_each(one, listed, journal, jobs=jobs, named="path-finding")
        report = _write_found(listed, journal, output, reactions)
    provenance.write_json(output.with_name(output.name + ".report.json"), report)
    provenance.record(output, inputs=[reactions], settings={"method": "GFN2-xTB", "images": images})
    return report


def _key(reaction: Reaction, images: int) -> str:
    """Return what identifies a path: the reaction without its name, and the images."""
    sides = {name: text for name, text in asdict(reaction).items() if name != "name"}
    return hashlib.sha256(json.dumps({**sides, "images": images}).encode()).hexdigest()


def _write_found(
    listed: Sequence[Reaction],
    journal: Journal[Reaction, ReactionPath],
    output: Path,
    reactions: Path,
) -> dict[str, Any]:
    """Write what the journal holds in the order of the list, and return the report."""
    failed: dict[str, str] = {}
    n_images = 0
    with new_file(output) as file:
        for reaction in listed:
            found = journal.get(reaction)
            if isinstance(found, ReactionPath):
                _write(file, reaction, found)
                n_images += len(found.images)
            else:
                failed[reaction.name] = str(found)
                log.info("%s: %s; left out", reaction.name, found)
        if not n_images:
            raise InputError(
                f"{reactions}: no reaction has a path ({failed}), at least one is needed. "
                "Fix the list."
            )
    return {"reactions": len(listed) - len(failed), "images": n_images, "failed": failed}


def read_reactions(path: Path) -> list[Reaction]:
    """Read the columns name, reactant and product (mapped SMILES, the same atoms on both sides).

    Raises
    ------
    InputError
        For a row whose sides differ in atoms, are ions or have open shells, or a name that is there
        twice.
    """
    rows = tables.read(path, columns=("name", "reactant", "product"))
    reactions = [
        Reaction(str(row.name), str(row.reactant), str(row.product))
        for row in rows.itertuples(index=False)
    ]
    for number, one in enumerate(reactions, start=2):
        if molecule(one.reactant).atomic_numbers != molecule(one.product).atomic_numbers:
            raise InputError(
                f"{path} line {number}: reactant and product of {one.name!r} differ in atoms - map "
                "number k must be the same atom on both sides. Fix the SMILES."
            )
        for side in (one.reactant, one.product):
            require_neutral(side, f"{path} line {number}")
    if len({one.name for one in reactions}) < len(reactions):
        raise InputError(
            f"{path}: a name is there twice, every reaction needs one of its own. "
            "Rename one of them."
        )
    return reactions


def _write(file: h5py.File, reaction: Reaction, path: ReactionPath) -> None:
    more = {
        PRODUCT_SMILES: [reaction.product],
        **electrons(charge=0, multiplicity=1),
        PATH_COORDINATE: path.coordinate,
        SADDLE_ROW: np.array([path.saddle], dtype=np.int32),
        XTB_ENERGY: path.energy / HARTREE_EV,
        NEGATIVE_MODES: path.negative_modes,
    }
    write_group(
        file,
        hdf5_name(reaction.name),
        smiles=reaction.reactant,
        subset=PATH_SUBSET,
        numbers=path.numbers,
        positions=path.images / BOHR_ANG,
        more=more,
    )
