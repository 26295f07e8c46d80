"""The reactions whose barriers are looked at: shipped paths, neutral DBH24/08, Transition1x."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import h5py
import numpy as np
from e3d.chemistry import FORMULA, molecule
from e3d.connectivity import perceive
from e3d.errors import InputError
from e3d.store.files.hdf5 import array, open_hdf5, require
from e3d.store.layouts.frames import formula
from e3d.store.layouts.transition1x import END_POINTS, ENERGY, NUMBERS, POSITIONS
from e3d.store.layouts.transition1x import reactions as t1x_reactions
from e3d.structures import Structure
from e3d.theory import GFN2
from e3d.units import BOHR_ANG, EV_KCAL_MOL, HARTREE_EV
from numpy.typing import NDArray
from study.reactivity.barriers import Reaction, barrier_of

from study.reactivity.labelled import LabelledPath

UNIMOLECULAR: Final = "unimolecular"
DBH24: Final = "dbh24"
TRANSITION1X: Final = "transition1x"
TRANSITION1X_THEORY: Final = "wB97x/6-31G(d)"
_REFERENCE: Final = "DBH24/08"
_UNKNOWN = (float("nan"), float("nan"))


def of_paths(paths: Sequence[LabelledPath], labelled_at: str, trained_at: str) -> list[Reaction]:
    """Return the closed-shell unimolecular reactions: ends and climbing image of every path.

    The labels' barrier is that of the GFN2-xTB geometries, not of stationary points of the labels' own level.
    A run trained on GFN2-xTB has GFN2-xTB's barrier as label and the shipped labels as reference.
    """
    found = []
    for path in paths:
        shipped, xtb = (
            barrier_of(path.labels.energy, path.saddle),
            barrier_of(path.xtb_energy, path.saddle),
        )
        label, reference, source = shipped, _UNKNOWN, ""
        if trained_at == GFN2.name:
            label, reference, source = xtb, shipped, labelled_at
        elif trained_at not in ("", labelled_at):
            label, reference, source = _UNKNOWN, shipped, labelled_at
        ends = (path.structures[0],), (_product(path),)
        found.append(
            Reaction(
                UNIMOLECULAR, path.name, *ends, path.structures[path.saddle], label, trained_at or labelled_at,
                reference_eV=reference, reference=source,
            )
        )  # fmt: skip
    return found


def _product(path: LabelledPath) -> Structure:
    end = path.structures[-1]
    return Structure(
        end.label,
        end.frame,
        end.positions,
        end.atomic_numbers,
        path.product.smiles,
        None,
        path.product.bonds,
    )


def of_dbh24(references: Path, trained_at: str) -> Iterator[Reaction]:
    """Yield the neutral reactions of DBH24/08 at their own geometries (QCISD/MG3), labelled in ``references``.

    Their reference values are those of Zheng, Zhao, Truhlar, J. Chem. Theory Comput. 5, 808 (2009), as ASE has them.

    Raises
    ------
    InputError
        If ``references`` is another file.
    """
    import ase.data.dbh24 as dbh24

    with open_hdf5(references) as file:
        theory = str(file.attrs.get("level_of_theory", ""))
        saddles = [facts["tst"] for facts in dbh24.dbh24_reaction_list.values()]
        if not any(name in file for name in saddles):
            raise InputError(
                f"{references}: holds no transition state of DBH24, such as {saddles[0]}. "
                "Give the labels of what e3d data references writes."
            )
        for facts in dbh24.dbh24_reaction_list.values():
            sides, top = (facts["initial"], facts["final"]), facts["tst"]
            if not all(name in file for name in (*facts["initial"], *facts["final"], top)):
                continue
            label = _UNKNOWN
            if trained_at in ("", theory):
                high = _energy(file[top])
                low = [sum(_energy(file[name]) for name in side) for side in sides]
                label = (high - low[0], high - low[1])
            names = [" + ".join(name.removeprefix("dbh24_") for name in side) for side in sides]
            reference = tuple(
                f(top) / EV_KCAL_MOL for f in (dbh24.get_dbh24_Vf, dbh24.get_dbh24_Vb)
            )
            species = [
                tuple(_species(file[name], f"{references}, {name}") for name in side)
                for side in sides
            ]
            spins = [
                int(file[name]["multiplicity"][0])
                for name in (*facts["initial"], *facts["final"], top)
            ]
            yield Reaction(
                DBH24, " -> ".join(names), species[0], species[1], _species(file[top], f"{references}, {top}"), label,
                trained_at or theory, max(spins) > 1, (reference[0], reference[1]), _REFERENCE,
            )  # fmt: skip


def _energy(group: h5py.Group) -> float:
    return float(group["dft_total_energy"][0]) * HARTREE_EV


def _species(group: h5py.Group, where: str) -> Structure:
    numbers = array(group, "atomic_numbers", "(N,)", where).astype(np.int64)
    positions = array(group, "conformations", "(M, N, 3)", where)[0].astype(np.float64) * BOHR_ANG
    return _bare(where, numbers, positions, closed=int(group["multiplicity"][0]) == 1)


def _bare(
    label: str, numbers: NDArray[np.int64], positions: NDArray[np.float64], *, closed: bool
) -> Structure:
    """Return a structure named by its perceived SMILES, or by its formula where that is not known."""
    mapped = perceive(numbers, positions, charge=0) if closed and len(numbers) > 1 else None
    name = FORMULA + formula(numbers) if mapped is None else molecule(mapped).smiles
    return Structure(label, 0, positions, numbers, name, None, ())


def of_transition1x(path: Path, trained_at: str) -> Iterator[Reaction]:
    """Yield the reactions of a Transition1x file: those of its test split, or all where it has none.

    Reactant, transition state and product are the single frames of each reaction's group; every system is a closed
    shell, and one structure a side. Reactions that lack one of the three are passed over.

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
        for key, group in t1x_reactions(file, root, path):
            if not all(name in group for name in END_POINTS):
                continue
            where = f"{path}, /{root}/{key}"
            frames = {name: _frame(group[name], f"{where}/{name}") for name in END_POINTS}
            energy = {name: frame[1] for name, frame in frames.items()}
            high = energy["transition_state"]
            label = (high - energy["reactant"], high - energy["product"])
            known = trained_at in ("", TRANSITION1X_THEORY)
            yield Reaction(
                TRANSITION1X, key, (frames["reactant"][0],), (frames["product"][0],), frames["transition_state"][0],
                label if known else _UNKNOWN, trained_at or TRANSITION1X_THEORY, False,
                _UNKNOWN if known else label, "" if known else TRANSITION1X_THEORY,
            )  # fmt: skip


def _frame(group: h5py.Group, where: str) -> tuple[Structure, float]:
    require(group, (NUMBERS, POSITIONS, ENERGY), "Transition1x", where)
    numbers = array(group, NUMBERS, "(N,)", where).astype(np.int64)
    positions = array(group, POSITIONS, "(M, N, 3)", where)[0].astype(np.float64)
    name = FORMULA + formula(numbers)
    return Structure(where, 0, positions, numbers, name, None, ()), float(
        array(group, ENERGY, "(M,)", where)[0]
    )
