"""What no label of this world is: checks of every frame that may go into a store.

Limits are wide enough for every real frame that is known, and narrow enough for a wrong unit.

- Binding energy per atom: the strongest bonds there are give -9 eV (tungsten, TaC; CO -5.6).
  GFN2-xTB overbinds to -9 too, and an isolated atom in another spin state shifts it by 1 to 3.
  The data that ship and MPtrj lie between -8.9 and 0 eV, and up to +1.5 where a bond is squeezed
  so far that its force is excessive. A total energy in a wrong unit is off by 13 eV per atom for
  hydrogen alone, by hundreds with any carbon.
- An ion may be higher by the ionisation energies, up to 25 eV for the first.
- Closest atoms: the shortest bond, H2, has 0.74 Å, and squeezed to 0.58 Å still is data.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from e3d.arrays import Floats, Ints, Masks
from e3d.chemistry import symbol
from e3d.errors import InputError
from e3d.store.group import Group
from e3d.theory import theories
from e3d.units import EV_KCAL_MOL, EV_KJ_MOL, HARTREE_EV, HARTREE_PER_BOHR_EV_PER_ANG

BINDING_EV_PER_ATOM: Final = (-15.0, 10.0)
IONISATION_EV: Final = 25.0
"""The highest first ionisation energy (helium); each further charge takes as much again more."""
CLOSEST_ANG: Final = 0.3
LARGEST_FORCE: Final = HARTREE_PER_BOHR_EV_PER_ANG
"""SPICE's own limit of a component, 1 hartree/bohr, in eV/Å."""
LARGEST_COORDINATE_ANG: Final = 1e4
"""Beyond, single precision is coarser than 1e-3 Å."""
_MAIN_GROUPS: Final = {
    1: "He Be Ne Mg Ar Ca Kr Sr Xe Ba Rn Ra",
    2: "H Li B F Na Al Cl K Ga Br Rb In I Cs Tl At Fr",
    3: "C O Si S Ge Se Sn Te Pb Po",
    4: "N P As Sb Bi",
}
"""2S+1 of neutral atoms of the main groups (NIST Atomic Spectra Database, ground levels)."""
_USUAL_EV_PER_ATOM = (-9.0, -0.5)
_TYPICAL_EV_PER_ATOM = -4.0

ENERGY_MIXUPS: Final = {
    "energies in hartree were taken as eV": HARTREE_EV,
    "energies in eV were taken as hartree": 1 / HARTREE_EV,
    "energies in kcal/mol were taken as eV": 1 / EV_KCAL_MOL,
    "energies in kJ/mol were taken as eV": 1 / EV_KJ_MOL,
    "energies in kcal/mol were taken as hartree": 1 / (HARTREE_EV * EV_KCAL_MOL),
    "energies in kJ/mol were taken as hartree": 1 / (HARTREE_EV * EV_KJ_MOL),
}
"""Mistakes, and the factor that mends the energy."""
ATOM_MIXUPS: Final = {
    "the energies are relative to isolated atoms already (give those as 0 eV)": 0.0,
    "the isolated atoms are in hartree": HARTREE_EV,
    "the isolated atoms are in kcal/mol": 1 / EV_KCAL_MOL,
    "the isolated atoms are in kJ/mol": 1 / EV_KJ_MOL,
}
"""Mistakes, and the factor that mends the energies of isolated atoms."""


def excessive(forces: Floats) -> Masks:
    """Say which frames of ``forces`` (M, N, 3), eV/Å, have a component beyond the limit, (M,)."""
    return np.asarray(np.abs(forces).max(axis=(1, 2), initial=0.0) > LARGEST_FORCE)


def check_frames(group: Group, charge: int, atoms: Mapping[int, float]) -> None:
    """Refuse energies and coordinates that nothing real has; readers check cells themselves.

    Parameters
    ----------
    charge
        Net charge of the frames.
    atoms
        Energies (eV) of isolated atoms by atomic number.

    Raises
    ------
    InputError
        Naming the frame, the value and the range.
    """
    check_spin(group, charge)
    _check_energy(group, charge, atoms)
    far = np.abs(group.positions).max(axis=(1, 2), initial=0.0)
    for k in _first(far > LARGEST_COORDINATE_ANG):
        raise InputError(
            f"{group.label}, conformation {k}: a coordinate is {far[k]:.3g} Å - allowed up to "
            f"{LARGEST_COORDINATE_ANG:g}, beyond which single precision is too coarse. Correct the "
            "unit of the coordinates, or move the structure to the origin."
        )
    if group.cell is None and group.pbc is not None and group.pbc.any():
        raise InputError(
            f"{group.label}: is periodic and has no cell - three cell vectors are needed. Give "
            "the cell, or make the frames not periodic."
        )


def check_closest(group: Group, closest: Floats, pair: Ints) -> None:
    """Refuse frames with atoms on top of each other.

    ``closest`` (M,) is the shortest distance of each frame, Å, of the atoms ``pair`` (M, 2).

    Raises
    ------
    InputError
        Naming the frame and the atoms.
    """
    for k in _first(closest < CLOSEST_ANG):
        where = f"{group.label}, conformation {k}"
        require_apart(where, group.atomic_numbers, pair[k], float(closest[k]))


def require_apart(where: str, numbers: Ints, pair: Ints, closest: float) -> None:
    """Refuse atoms on top of each other.

    The rows ``pair`` (2,) of ``numbers`` (N,) are those that are ``closest``, Å.

    Raises
    ------
    InputError
        Naming the atoms.
    """
    if closest >= CLOSEST_ANG:
        return
    first, second = pair.tolist()
    raise InputError(
        f"{where}: atoms {first} and {second} ({symbol(int(numbers[first]))}, "
        f"{symbol(int(numbers[second]))}) are {closest:.3g} Å apart - at least {CLOSEST_ANG:g}, "
        "where the shortest bond is 0.74. Correct the unit of the coordinates (nm taken as Å or "
        "bohr?), or remove the conformation from the file."
    )


def check_atoms(atoms: Mapping[int, float]) -> None:
    """Refuse isolated atoms (eV by atomic number) that are not bound to their electrons.

    Raises
    ------
    InputError
        Naming the element.
    """
    for z, energy in atoms.items():
        if not -1e7 < energy <= 0.5:
            raise InputError(
                f"isolated atom {symbol(z)}: its energy is {energy:.6g} eV - a negative one is "
                "needed, the total energy of the neutral atom. Correct --isolated-atom-energy "
                "(`isolated_atom_energy_eV` of the dataset), or the file of --isolated-atoms."
            )


def _first(wrong: Masks) -> Iterator[int]:
    """Yield the first row that is marked, if any is."""
    if wrong.any():
        yield int(wrong.argmax())


def check_spin(group: Group, charge: int) -> None:
    """Refuse a multiplicity that the number of electrons rules out, where the source gives it.

    Raises
    ------
    InputError
        Naming the multiplicity and the electrons.
    """
    if group.multiplicity is None or group.pbc is not None:
        return
    electrons = int(group.atomic_numbers.sum()) - charge
    if group.multiplicity < 1 or (electrons + group.multiplicity) % 2 == 0:
        parity = "odd" if electrons % 2 == 0 else "even"
        raise InputError(
            f"{group.label}: multiplicity {group.multiplicity} with {electrons} electrons (charge "
            f"{charge}) - an {parity} one, 1 or more, is possible. Correct charge and multiplicity "
            "in the file."
        )


def require_ground_state(multiplicities: Mapping[str, int | None]) -> None:
    """Refuse isolated atoms of a spin that Hund's rule does not give the ground state.

    Parameters
    ----------
    multiplicities
        2S+1 by element, None where it is not known; of transition metals any is taken.

    Raises
    ------
    InputError
        Naming the element and both.
    """
    for element, given in multiplicities.items():
        ground = next((k for k, of in _MAIN_GROUPS.items() if element in of.split()), given)
        if given not in (None, ground):
            raise InputError(
                f"isolated atom {element}: its multiplicity is {given} - {ground} in the ground "
                "state, by Hund's rule. Sums of D would be relative to an excited state: give the "
                "ground state, or correct the multiplicity."
            )


def _check_energy(group: Group, charge: int, atoms: Mapping[int, float]) -> None:
    energy, n = group.energy, len(group.atomic_numbers)
    for k in _first((energy != 0) & (np.abs(energy) < 1e-30)):
        raise InputError(
            f"{group.label}, conformation {k}: energy {energy[k]:g} eV is no number that a program "
            "gives. The bytes of the file are damaged or of another type: fetch it again."
        )
    reference = sum(atoms[int(z)] for z in group.atomic_numbers)
    low, high = BINDING_EV_PER_ATOM
    high += IONISATION_EV * abs(charge) * (abs(charge) + 1) / 2 / n
    binding = (energy - reference) / n
    for k in _first(~((binding >= low) & (binding <= high))):
        raise InputError(
            f"{group.label}, conformation {k}: binding energy is {binding[k]:.6g} eV per atom "
            f"(energy {energy[k]:.10g} eV, its {n} isolated atoms {reference:.10g} eV) - {low:g} "
            f"to {high:.3g} is possible. {_mixup(group, float(energy[k]), reference)} Correct the "
            "unit of the energies, --theory or --isolated-atom-energy, or remove the conformation."
        )


def _mixup(group: Group, energy: float, atoms: float) -> str:
    """Say what would make a binding energy usual; ``energy`` and ``atoms`` in eV."""
    tries = [(f"if {name}", energy * factor, atoms) for name, factor in ENERGY_MIXUPS.items()]
    tries += [(f"if {name}", energy, atoms * factor) for name, factor in ATOM_MIXUPS.items()]
    for name, known in theories().items():
        own = [known.isolated_atom_energy.get(symbol(int(z))) for z in group.atomic_numbers]
        energies = [value for value in own if value is not None]
        if len(energies) == len(own):
            tries.append((f"with the isolated atoms of theory {name!r}", energy, sum(energies)))
    n = len(group.atomic_numbers)
    tries.append(("if energies per atom were taken as those of molecules", energy * n, atoms))
    found = [((total - reference) / n, words) for words, total, reference in tries]
    low, high = _USUAL_EV_PER_ATOM
    fitting = [one for one in found if low <= one[0] <= high]
    if not fitting:
        return "No usual mix-up of units explains it."
    nearest = sorted(fitting, key=lambda one: abs(one[0] - _TYPICAL_EV_PER_ATOM))
    return f"It would be {', or '.join(f'{value:.3g} {words}' for value, words in nearest[:3])}."
