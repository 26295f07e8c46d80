"""From a list of reactions to the images of their paths, as geometries to label (SPICE layout, atomic units)."""

import logging
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from e3d import provenance, tables
from e3d.chemistry import molecule
from e3d.errors import InputError
from e3d.store.layouts.spice import SAMPLE_INDEX
from e3d.units import BOHR_ANG, HARTREE_EV
from e3d_labels.embed import xtb
from e3d_labels.reaction_paths import IMAGES, PathError, Reaction, ReactionPath, find_path

log = logging.getLogger(__name__)

SUBSET = "reaction paths"
PRODUCT_SMILES = "product_smiles"
COORDINATE = "path_coordinate"  # (M,) Å
SADDLE = "climbing_image"  # (1,) row
XTB_ENERGY = "gfn2_energy"  # (M,) hartree
NEGATIVE_MODES = "negative_modes"  # (1,) eV/Å²/u
_MIN_IMAGES = 5


def reaction_file(reactions: Path, output: Path, *, images: int = IMAGES) -> dict[str, Any]:
    """Find the path of every reaction of a list and write the images of those that have one.

    Returns
    -------
    The report, also written to ``<output>.report.json``: reactions found, and why the others were left out.

    Raises
    ------
    InputError
        For a list that cannot be read, too few images, or when no reaction has a path.
    """
    if images < _MIN_IMAGES:
        raise InputError(
            f"--images {images}: at least {_MIN_IMAGES} are needed, both ends among them. Raise it."
        )
    listed = read_reactions(reactions)
    failed: dict[str, str] = {}
    found: dict[str, ReactionPath] = {}
    for reaction in listed:
        try:
            found[reaction.name] = find_path(reaction, xtb, images=images)
        except PathError as error:
            failed[reaction.name] = str(error)
        log.info("%s: %s", reaction.name, failed.get(reaction.name, "found"))
    if not found:
        raise InputError(
            f"{reactions}: no reaction has a path ({failed}), at least one is needed. Fix the list."
        )
    with (
        provenance.atomic(output) as temporary,
        h5py.File(temporary, "w", libver="v110", track_order=True) as file,
    ):
        for reaction in listed:
            if reaction.name in found:
                _write(file.create_group(reaction.name), reaction, found[reaction.name])
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
                f"{path} line {number}: reactant and product of {one.name!r} differ in atoms - map number k must be "
                "the same atom on both sides. Fix the SMILES."
            )
    if len({one.name for one in reactions}) < len(reactions):
        raise InputError(
            f"{path}: a name is there twice, every reaction needs one of its own. Rename one of them."
        )
    return reactions


def _write(group: h5py.Group, reaction: Reaction, path: ReactionPath) -> None:
    text = h5py.string_dtype()
    group.create_dataset("smiles", data=[reaction.reactant], dtype=text)
    group.create_dataset(PRODUCT_SMILES, data=[reaction.product], dtype=text)
    group.create_dataset("subset", data=[SUBSET], dtype=text)
    group["atomic_numbers"] = path.numbers.astype(np.int16)
    group["conformations"] = (path.images / BOHR_ANG).astype(np.float32)
    group[SAMPLE_INDEX] = np.arange(len(path.images), dtype=np.int32)
    group["charge"] = np.zeros(1, dtype=np.int8)
    group["multiplicity"] = np.ones(1, dtype=np.int8)
    group[COORDINATE] = path.coordinate
    group[SADDLE] = np.array([path.saddle], dtype=np.int32)
    group[XTB_ENERGY] = path.energy / HARTREE_EV
    group[NEGATIVE_MODES] = path.negative_modes
