"""From a list of reactions to the images of their paths, as geometries to label."""

import logging
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np

from e3d import provenance, tables
from e3d.chemistry import molecule
from e3d.errors import InputError
from e3d.store.layouts.spice import PATH_COORDINATE, PRODUCT_SMILES, SADDLE_ROW, XTB_ENERGY
from e3d.units import BOHR_ANG, HARTREE_EV
from e3d_labels.embed import xtb
from e3d_labels.geometries import electrons, new_file, write_group
from e3d_labels.reaction_ends import PathError, Reaction
from e3d_labels.reaction_paths import ReactionPath, find_path

log = logging.getLogger(__name__)

NEGATIVE_MODES: Final = "negative_modes"
"""Dataset of a group: (1,), eV/Å²/u."""
_MIN_IMAGES = 5


def find_paths(reactions: Path, output: Path, *, images: int) -> dict[str, Any]:
    """Find the path of every reaction of a list and write the images of those that have one.

    Parameters
    ----------
    images
        Number of images of a path, both ends among them.

    Returns
    -------
    The report, also written to ``<output>.report.json``: how many reactions have a path, and why
    the others have none.

    Raises
    ------
    InputError
        For a list that cannot be read, too few images, or when no reaction has a path.
    """
    if images < _MIN_IMAGES:
        raise InputError(
            f"--images {images}: at least {_MIN_IMAGES} are needed, both ends among them. Raise it."
        )
    failed: dict[str, str] = {}
    found: list[tuple[Reaction, ReactionPath]] = []
    for reaction in read_reactions(reactions):
        try:
            found.append((reaction, find_path(reaction, xtb, images=images)))
        except PathError as error:
            failed[reaction.name] = str(error)
        log.info("%s: %s", reaction.name, failed.get(reaction.name, "found"))
    if not found:
        raise InputError(
            f"{reactions}: no reaction has a path ({failed}), at least one is needed. Fix the list."
        )
    with new_file(output) as file:
        for reaction, path in found:
            _write(file, reaction, path)
    report = {"reactions": len(found), "images": images * len(found), "failed": failed}
    provenance.write_json(output.with_name(output.name + ".report.json"), report)
    provenance.record(output, inputs=[reactions], settings={"method": "GFN2-xTB", "images": images})
    return report


def read_reactions(path: Path) -> list[Reaction]:
    """Read the columns name, reactant and product (mapped SMILES, the same atoms on both sides).

    Raises
    ------
    InputError
        For a row whose sides differ in atoms, or a name that is there twice.
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
        reaction.name,
        smiles=reaction.reactant,
        subset="reaction paths",
        numbers=path.numbers,
        positions=path.images / BOHR_ANG,
        more=more,
    )
