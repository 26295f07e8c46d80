"""The gate of a store: every frame of every layout passes it, and the file as a whole.

Frame by frame: energies, coordinates, cells and distances that nothing real has are refused, and
frames with excessive forces left out (:mod:`e3d.store.checks.plausibility`). At the end: the scale
of the coordinates, the bonds, isolated atoms, and whether forces belong to energies
(:mod:`e3d.store.checks.force_energy`). A store appears only after that.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Final

import numpy as np

from e3d.arrays import Masks
from e3d.chemistry import Molecule, symbol
from e3d.errors import InputError
from e3d.store.checks.balance import Balance
from e3d.store.checks.copies import Copies
from e3d.store.checks.force_energy import ForceEnergy
from e3d.store.checks.isolated import parts
from e3d.store.checks.length_scale import FACTORS, LengthScale
from e3d.store.checks.levels import Levels
from e3d.store.checks.plausibility import (
    LARGEST_FORCE,
    check_atoms,
    check_closest,
    check_frames,
    excessive,
)
from e3d.store.checks.structures import Structures
from e3d.store.checks.varying import Energies
from e3d.store.geometry import geometry
from e3d.store.group import Group, select
from e3d.store.report import Report

log = logging.getLogger(__name__)

EXCESSIVE: Final = f"forces with a component beyond {LARGEST_FORCE:.2f} eV/Å (1 hartree/bohr)"
MOSTLY_EXCESSIVE: Final = "frames of a molecule most of whose frames have such forces"
MOST_EXCESSIVE: Final = 0.1
"""Where more frames than this share have such forces, their unit is wrong."""
LOWER_ATOM_EV: Final = 0.2
"""A single atom may not lie lower than its isolated atom by more."""
MOST_WITHOUT_FORCES: Final = 0.2


class Gate:
    """Checks groups one by one, then the file; what it counts goes into a report."""

    def __init__(self, atoms: Mapping[int, float], report: Report) -> None:
        """Take the energies (eV) of isolated atoms by atomic number, and the report to count in."""
        check_atoms(atoms)
        self._atoms = atoms
        self._report = report
        self._scale = LengthScale()
        self._forces = ForceEnergy()
        self._balance = Balance()
        self._energies = Energies(atoms)
        self._levels = Levels(atoms)
        self._structures = Structures()
        self._copies = Copies()
        self._seen: Counter[str] = Counter()
        self._lowest: dict[int, float] = {}
        self._spins: defaultdict[tuple[str, int], Counter[int]] = defaultdict(Counter)

    def admit(self, group: Group, molecule: Molecule) -> Group:
        """Return the group without frames whose forces are excessive; those are counted.

        Raises
        ------
        InputError
            For a frame that nothing real has.
        """
        if len(group.atomic_numbers) == 1 and molecule.charge == 0:
            z = int(group.atomic_numbers[0])
            for part in parts(group):
                if part.cell is None:
                    self._lowest[z] = min(self._lowest.get(z, np.inf), *part.energy.tolist())
        too_large = excessive(group.forces)
        self._seen["frames"] += len(too_large)
        if too_large.any():
            self._seen[EXCESSIVE] += int(too_large.sum())
            self._report.frames_dropped[EXCESSIVE] += int(too_large.sum())
            rest = ~too_large
            if 0 < rest.sum() < too_large.sum():
                self._report.frames_dropped[MOSTLY_EXCESSIVE] += int(rest.sum())
                rest[:] = False
            group = select(group, rest)
        check_frames(group, molecule.charge, self._atoms)
        return group

    def measure(self, group: Group, molecule: Molecule) -> Masks:
        """Say which frames (M,) have exactly the bonds of their SMILES, all where there is none.

        Raises
        ------
        InputError
            For atoms on top of each other.
        """
        bonds = molecule.bond_index if group.smiles else None
        found = geometry(group, bonds, FACTORS)
        check_closest(group, found.closest, found.pair)
        self._scale.add(group, found, known_bonds=bonds is not None)
        self._copies.add(group, molecule)
        if group.multiplicity is not None and group.cell is None and len(group.atomic_numbers) > 1:
            spins = self._spins[molecule.smiles, molecule.charge]
            spins[group.multiplicity] += len(group.energy)
        for part in parts(group):
            self._forces.add(part)
            self._balance.add(part)
            self._energies.add(part)
            self._structures.add(part)
            if molecule.charge == 0:
                self._levels.add(part)
            self._count_forces(part)
        return found.intact

    def finish(self) -> None:
        """Check the file as a whole, and put what was found into the report.

        Raises
        ------
        InputError
            If the file as a whole cannot be right.
        """
        self._scale.check()
        self._structures.finish()
        self._copies.finish()
        self._warn_of_spins()
        self._energies.finish()
        self._levels.finish()
        self._check_zero_forces()
        self._check_single_atoms()
        found = self._forces.finish()
        self._balance.finish()
        every = found["all"]
        self._check_excessive(known_unit=every.slope is not None and every.judged)
        self._report.forces_against_energies = {
            name: part.as_dict() for name, part in found.items()
        }

    def _check_excessive(self, *, known_unit: bool) -> None:
        """Refuse many frames with excessive forces, unless the others show the unit to be right."""
        excess, frames = self._seen[EXCESSIVE], self._seen["frames"]
        if excess > MOST_EXCESSIVE * frames and not known_unit:
            raise InputError(
                f"{excess} of {frames} frames have {EXCESSIVE} - such frames are left out, and at "
                f"most {MOST_EXCESSIVE:.0%} may be. The forces are in another unit, or the file is "
                "broken: correct it."
            )
        if excess:
            log.warning("%d of %d frames left out: %s", excess, frames, EXCESSIVE)

    def _warn_of_spins(self) -> None:
        """Warn of molecules with frames of several multiplicities: each has energies of its own."""
        several = {name: spins for (name, _), spins in self._spins.items() if len(spins) > 1}
        if several:
            fewer = sum(spins.total() - max(spins.values()) for spins in several.values())
            name, first = next(iter(several.items()))
            log.warning(
                "%d molecules have frames of several multiplicities, %d frames another than most "
                "of their molecule, for one %s (%s): a model knows no spin, and learns their mean; "
                "keep one state of each",
                *(len(several), fewer, name),
                ", ".join(f"{n} of {spin}" for spin, n in sorted(first.items())),
            )

    def _count_forces(self, group: Group) -> None:
        zero = int((group.forces == 0).all(axis=(1, 2)).sum())
        if group.cell is not None:
            self._seen["crystals"] += len(group.energy)
            self._seen["zero in crystals"] += zero
        elif len(group.atomic_numbers) > 1:
            self._seen["molecules"] += len(group.energy)
            self._seen["zero"] += zero

    def _check_zero_forces(self) -> None:
        zero, molecules = self._seen["zero"], self._seen["molecules"]
        if zero > MOST_WITHOUT_FORCES * molecules:
            raise InputError(
                f"forces of {zero} of {molecules} frames of molecules are zero to the last digit - "
                f"at most {MOST_WITHOUT_FORCES:.0%} may be, no program gives such. Leave frames "
                "without forces out of the file, or label them."
            )
        if zero:
            log.warning("forces of %d of %d frames of molecules are exactly zero", zero, molecules)
        zero, crystals = self._seen["zero in crystals"], self._seen["crystals"]
        if zero > MOST_WITHOUT_FORCES * crystals:
            log.warning(
                "forces of %d of %d frames of crystals are exactly zero: right for crystals whose "
                "symmetry leaves none, else labels are missing",
                zero,
                crystals,
            )

    def _check_single_atoms(self) -> None:
        """Refuse isolated atoms above the ones of the file: those are of another level."""
        for z, energy in sorted(self._lowest.items()):
            above = self._atoms[z] - energy
            if above > LOWER_ATOM_EV:
                raise InputError(
                    f"a single {symbol(z)} atom of the file has {energy:.6f} eV, {above:.3g} eV "
                    f"below its isolated atom ({self._atoms[z]:.6f} eV) - at most "
                    f"{LOWER_ATOM_EV:g} below. The isolated atoms are of another level of theory: "
                    "correct --theory, or give the file's own (--isolated-atoms, "
                    "--isolated-atom-energy)."
                )
