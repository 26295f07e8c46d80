"""The reactions with known barriers: shipped paths, neutral DBH24/08, Transition1x."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np

from e3d.chemistry import FORMULA, molecule
from e3d.chemistry.perception import perceive
from e3d.errors import InputError
from e3d.store.files.hdf5 import array, open_hdf5, require
from e3d.store.layouts.frames import formula
from e3d.store.layouts.transition1x import END_POINTS, ENERGY, NUMBERS, POSITIONS
from e3d.store.layouts.transition1x import reactions as transition1x_reactions
from e3d.structures import Structure
from e3d.theory import GFN2
from e3d.units import BOHR_ANG, EV_KCAL_MOL, HARTREE_EV
from study.reactivity.labelled import LabelledPath

UNIMOLECULAR: Final = "unimolecular"
DBH24: Final = "dbh24"
TRANSITION1X: Final = "transition1x"
TRANSITION1X_THEORY: Final = "wB97x/6-31G(d)"
_UNKNOWN: Final = (float("nan"), float("nan"))


@dataclass(frozen=True)
class Reaction:
    """A reaction with its structures; barriers are (forward, backward) in eV, NaN where unknown."""

    set: str
    name: str
    reactants: tuple[Structure, ...]
    products: tuple[Structure, ...]
    saddle: Structure
    level: str  # of theory, of the run
    label_eV: tuple[float, float]  # at that level
    reference_eV: tuple[float, float] = _UNKNOWN  # of a better source
    reference: str = ""  # its name
    open_shell: bool = False  # whether any species is one

    @property
    def sides(self) -> tuple[tuple[Structure, ...], tuple[Structure, ...]]:
        """Reactants, above which the forward barrier rises, and products."""
        return self.reactants, self.products

    @property
    def structures(self) -> tuple[Structure, ...]:
        """All species, the saddle first."""
        return (self.saddle, *self.reactants, *self.products)


def _barriers(own: tuple[float, float], level: str, trained_at: str) -> dict[str, Any]:
    """Return barriers at one level of theory as labels of a run at it, else as its reference."""
    if trained_at in ("", level):
        return {"level": level, "label_eV": own}
    unknown = {"level": trained_at, "label_eV": _UNKNOWN}
    return unknown | {"reference_eV": own, "reference": level}


def of_paths(paths: Sequence[LabelledPath], trained_at: str) -> Iterator[Reaction]:
    """Yield the closed-shell unimolecular reactions: ends and climbing image of every path.

    The labels' barrier is that of the GFN2-xTB geometries, not of stationary points of their own
    level. A run trained on GFN2-xTB has GFN2-xTB's barrier as label and the labels' as reference.
    """
    for path in paths:
        known = _barriers(path.barriers(path.labels.energy), path.labels.level, trained_at)
        if trained_at == GFN2.name:
            known["label_eV"] = path.barriers(path.xtb_energy)
        end, product = path.structures[-1], path.product
        end = replace(end, smiles=product.smiles, mapped_smiles=None, bonds=product.bonds)
        saddle = path.structures[path.saddle]
        yield Reaction(UNIMOLECULAR, path.name, path.structures[:1], (end,), saddle, **known)


def of_dbh24(references: Path, trained_at: str) -> Iterator[Reaction]:
    """Yield the neutral reactions of DBH24/08 at their own geometries (QCISD/MG3).

    Labels are those of the species in ``references``; reference values are from Zheng, Zhao,
    Truhlar, J. Chem. Theory Comput. 5, 808 (2009), as ASE has them.

    Raises
    ------
    InputError
        If ``references`` is another file.
    """
    from ase.data.dbh24 import dbh24_reaction_list, get_dbh24_Vb, get_dbh24_Vf

    with open_hdf5(references) as file:
        theory = str(file.attrs.get("level_of_theory", ""))
        saddles = [facts["tst"] for facts in dbh24_reaction_list.values()]
        if not any(name in file for name in saddles):
            raise InputError(
                f"{references}: holds no transition state of DBH24, such as {saddles[0]}. "
                "Give the labels of what e3d data references writes."
            )
        for facts in dbh24_reaction_list.values():
            sides, top = (facts["initial"], facts["final"]), facts["tst"]
            names = (*sides[0], *sides[1], top)
            if not all(name in file for name in names):
                continue
            species = {name: _species(file[name], f"{references}, {name}") for name in names}
            before, after = (tuple(species[name][0] for name in side) for side in sides)
            low = [sum(species[name][1] for name in side) for side in sides]
            saddle, high = species[top]
            texts = [" + ".join(name.removeprefix("dbh24_") for name in side) for side in sides]
            known = _barriers((high - low[0], high - low[1]), theory, trained_at) | {
                "reference_eV": tuple(f(top) / EV_KCAL_MOL for f in (get_dbh24_Vf, get_dbh24_Vb)),
                "reference": "DBH24/08",
                "open_shell": not all(_closed(file[name]) for name in names),
            }
            yield Reaction(DBH24, " -> ".join(texts), before, after, saddle, **known)


def _closed(group: h5py.Group) -> bool:
    return int(group["multiplicity"][0]) == 1


def _species(group: h5py.Group, where: str) -> tuple[Structure, float]:
    """Return a species, named by its perceived SMILES where there is one, and its energy (eV)."""
    numbers = array(group, "atomic_numbers", "(N,)", where).astype(np.int64)
    positions = array(group, "conformations", "(M, N, 3)", where)[0] * BOHR_ANG
    mapped = None
    if _closed(group) and len(numbers) > 1:
        mapped = perceive(numbers, positions, charge=0)
    name = None if mapped is None else molecule(mapped).smiles
    energy = float(group["dft_total_energy"][0]) * HARTREE_EV
    return _without_bonds(where, numbers, positions, name), energy


def _without_bonds(label: str, numbers: Any, positions: Any, smiles: str | None) -> Structure:
    """Return a structure whose bonds are not known, named by its SMILES or else its formula."""
    name = FORMULA + formula(numbers) if smiles is None else smiles
    return Structure(label, 0, positions, numbers, name, None, ())


def of_transition1x(path: Path, trained_at: str) -> Iterator[Reaction]:
    """Yield the reactions of a Transition1x file: of its test split, or all where it has none.

    Reactant, transition state and product are the single frames of each reaction's group; every
    system is a closed shell, and one structure a side. Reactions that lack one are passed over.

    Raises
    ------
    InputError
        If it is another file, or a frame lacks what the layout needs.
    """
    with open_hdf5(path) as file:
        root = "test" if "test" in file else "data"
        if root not in file:
            raise InputError(
                f"{path}: has no group /data or /test, as Transition1x has. Give its HDF5 file."
            )
        for key, group in transition1x_reactions(file, root, path):
            if not all(name in group for name in END_POINTS):
                continue
            where = f"{path}, /{root}/{key}"
            (reactant, e_0), (product, e_1), (saddle, high) = (
                _frame(group[name], f"{where}/{name}") for name in END_POINTS
            )
            known = _barriers((high - e_0, high - e_1), TRANSITION1X_THEORY, trained_at)
            yield Reaction(TRANSITION1X, key, (reactant,), (product,), saddle, **known)


def _frame(group: h5py.Group, where: str) -> tuple[Structure, float]:
    """Return the structure of a single frame, and its energy (eV)."""
    require(group, (NUMBERS, POSITIONS, ENERGY), "Transition1x", where)
    numbers = array(group, NUMBERS, "(N,)", where).astype(np.int64)
    positions = array(group, POSITIONS, "(M, N, 3)", where)[0]
    energy = float(array(group, ENERGY, "(M,)", where)[0])
    return _without_bonds(where, numbers, positions, None), energy
