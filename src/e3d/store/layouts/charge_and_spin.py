"""Total charge and multiplicity, from whatever key a file states them under.

``spin`` and ``total_spin`` are multiplicities, 2S+1, as OMol25 and MACE write them
(github.com/ACEsuit/mace-foundations/issues/66, github.com/facebookresearch/fairchem/issues/1569).
Others write 2S. The number of electrons tells the two apart: an even one has odd 2S+1 and even 2S.

Initial and formal charges of single atoms add up to the total charge if all are whole numbers, as
ASE's calculators (xtb, tblite, DFTB+) take them. Other charges of atoms may be of the nuclei.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Real
from typing import Any, Final

import h5py
import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from numpy.typing import NDArray

from e3d.chemistry import SmilesError, molecule
from e3d.errors import InputError
from e3d.store.files.hdf5 import around, damage_named, dataset
from e3d.store.layouts.charge_words import Meaning, meaning

_ION: Final = 0.01
"""In e: partial charges of an ion add up to its charge within this."""
_SAYS: Final = re.compile(r"(?i)[-+]?\d+[-+]?|(doub|trip|quart|quint|sext)e?let|.*(an|cat)ion")
_FORMAL: Final = ("initialcharges", "formalcharges", "formalcharge")
_OF_ATOMS: Final = (*_FORMAL, "charges", "charge", "q")
"""Names of columns; those of populations (``mulliken_charges``) are passed over."""


def charge_and_multiplicity(
    stated: Iterable[tuple[str, Any]],
    numbers: NDArray[np.int64],
    where: str,
    *,
    periodic: bool = False,
) -> tuple[int | None, int | None]:
    """Return total charge, e, and multiplicity, each None where none is stated.

    Parameters
    ----------
    stated
        Keys and values of a frame; those that have nothing to do with charge or spin are passed
        over, and so are arrays under a key that is not known.
    numbers
        Atomic numbers (N,).
    periodic
        Whether it is a crystal: there 2S+1 need not fit the number of electrons.

    Raises
    ------
    InputError
        If a value is no whole number, two keys contradict each other, a key is not known although
        it smells of charge or spin, or ``spin`` cannot be 2S+1.

    Examples
    --------
    >>> water = np.array([8, 1, 1])
    >>> charge_and_multiplicity([("total_charge", -1), ("spin", 2)], water, "frame 0")
    (-1, 2)
    """
    found: dict[Meaning, tuple[str, int]] = {}
    of_atoms: dict[str, Any] = {}
    ions = []
    for key, value in ((str(key), value) for key, value in stated):
        what = meaning(key)
        if what is None and isinstance(value, Mapping):
            ions += [(f"{key}: {name}", one) for name, one in value.items() if _charged(name, one)]
        if what is None or value is None:
            continue
        if what == "of atoms" and np.size(value) == len(numbers) and np.ndim(value):
            if _plain(key) in _FORMAL or not periodic:  # of crystals, Bader's are electrons
                of_atoms[key] = value
        elif what == "ion":
            ions += [(key, value)] if isinstance(value, Real | np.bool_) and value else []
        elif what not in ("of atoms", "unknown"):
            _add(found, what, key, whole(value, key, where), where)
        elif _of_the_whole(value, len(numbers)):
            raise _unclear(key, value, where)
    for key, value in of_atoms.items():
        _add_total(found, key, value, where)
    if ions and "charge" not in found:
        raise _unclear(*ions[0], where)
    protons = int(np.sum(numbers))
    charge = _charge(found, protons, where, periodic=periodic)
    return charge, _multiplicity(found, None if periodic else protons - (charge or 0), where)


def _charged(key: Any, value: Any) -> bool:
    return meaning(str(key)) == "charge" and isinstance(value, Real) and bool(value)


def _unclear(key: str, value: Any, where: str) -> InputError:
    return InputError(
        f"{where}: {key} = {_shown(value)} may be a charge or a spin - known: `charge` (e), "
        "`multiplicity` (2S+1), `unpaired_electrons`. Rename the key, or remove it."
    )


def _add(
    found: dict[Meaning, tuple[str, int]], what: Meaning, key: str, number: int, where: str
) -> None:
    other = found.setdefault(what, (key, number))
    if other[1] != number:
        raise InputError(
            f"{where}: {other[0]} = {other[1]} and {key} = {number} - expected one {what}. "
            "Correct or remove one."
        )


def _add_total(found: dict[Meaning, tuple[str, int]], key: str, charges: Any, where: str) -> None:
    """Add the sum of formal charges (N,), e; partial charges of an ion do not say it."""
    values = np.asarray(charges, dtype=np.float64)
    total = float(values.sum())
    formal = bool((values == np.round(values)).all())
    if not values.any():  # as ASE writes where there is none
        return
    if formal and _plain(key) in _FORMAL:
        _add(found, "charge", f"sum of {key}", int(total), where)
    elif "charge" not in found and round(total) and abs(total - round(total)) < _ION:
        raise InputError(
            f"{where}: {key} add up to {total:.3g}, and no total charge is given - expected it "
            "beside charges of the atoms of an ion. Give `charge`."
        )


def _plain(key: str) -> str:
    return key.casefold().replace("_", "")


def _charge(
    found: Mapping[Meaning, tuple[str, int]], protons: int, where: str, *, periodic: bool
) -> int | None:
    """Return the total charge; a number of electrons must fit it."""
    key, charge = found.get("charge", ("", None))
    if charge is not None and abs(charge) > protons:
        raise InputError(
            f"{where}: {key} = {charge} - expected at most the {protons} protons of its atoms. "
            "Correct the frame."
        )
    if "electrons" not in found:
        return charge
    name, electrons = found["electrons"]
    core = protons - (charge or 0) - electrons  # may be left out of the count, in pairs
    if core if charge is None else core < 0 or (core % 2 and not periodic):
        raise InputError(
            f"{where}: {name} = {electrons} does not say the charge, {protons} protons and a "
            f"charge of {charge or 0} leave {protons - (charge or 0)} - valence electrons may be "
            f"counted alone. Give `charge`, or remove {name}."
        )
    return charge


def _multiplicity(
    found: Mapping[Meaning, tuple[str, int]], electrons: int | None, where: str
) -> int | None:
    """Return 2S+1 of what is stated; ``electrons`` None: any 2S+1 is possible."""
    values: dict[str, int] = {}
    if "multiplicity" in found:
        key, values[key] = found["multiplicity"]
    if "unpaired" in found:
        key, unpaired = found["unpaired"]
        values[key] = unpaired + 1
        _require_possible(key, unpaired, values[key], electrons, where)
    if "spin" in found:
        key, spin = found["spin"]
        # 0 can only be S or 2S; beside a multiplicity, 2S is recognised
        values[key] = spin + 1 if spin == 0 or spin + 1 in values.values() else spin
        if len(values) == 1:
            _require_possible(key, spin, values[key], electrons, where)
    if len(set(values.values())) > 1 or any(value < 1 for value in values.values()):
        given = ", ".join(f"{found[what][0]} = {found[what][1]}" for what in found)
        raise InputError(
            f"{where}: {given} - expected one multiplicity, 2S+1, of 1 or more. Correct the frame."
        )
    return next(iter(values.values()), None)


def _require_possible(
    key: str, given: int, multiplicity: int, electrons: int | None, where: str
) -> None:
    if electrons is not None and (electrons + multiplicity) % 2 == 0:
        raise InputError(
            f"{where}: {key} = {given} gives a multiplicity of {multiplicity}, which {electrons} "
            "electrons cannot have - `spin` and `total_spin` are read as 2S+1. Give `multiplicity` "
            "(2S+1) or `unpaired_electrons` (2S) instead, or correct the charge."
        )


def state_of_group(
    group: h5py.Group, numbers: NDArray[np.int64], where: str
) -> tuple[int | None, int | None]:
    """Return total charge and multiplicity of an HDF5 group, each None where none is stated.

    Raises
    ------
    InputError
        As :func:`charge_and_multiplicity`; also if conformations differ in it.
    """
    return charge_and_multiplicity(_stated_by(group, len(numbers), where), numbers, where)


def _stated_by(group: h5py.Group, n: int, where: str) -> Iterator[tuple[str, Any]]:
    """Yield what datasets and attributes say; arrays with a value for each of N atoms do not."""
    with damage_named(where):
        names = [name for name in group if meaning(name)]
        owners = [one for one in around(group) if h5py.h5a.get_num_attrs(one.id)]
        said = [(key, one.attrs[key]) for one in owners for key in one.attrs if meaning(key)]
    yield from said
    for name in names:
        found = dataset(group, name, where)
        shape = found.shape or ()
        if _plain(name) in _FORMAL and shape == (n,):
            yield name, found[()]
        known = meaning(name) not in ("unknown", "of atoms")
        of_atoms = n > 1 and (shape[1:2] == (n,) or (shape == (n,) and not known))
        of_conformations = len(shape) < 2 or shape[1:] == (1,)
        if not of_atoms and found.size and (known or of_conformations):
            with damage_named(f"{where}, {name}"):
                values = np.unique(found[()])
            yield name, values[0] if values.size == 1 or not known else values


def stated_of(atoms: Atoms) -> Iterator[tuple[str, Any]]:
    """Yield what ASE's atoms say beside their numbers, and the charges of single atoms."""
    yield from atoms.info.items()
    results = atoms.calc.results if isinstance(atoms.calc, SinglePointCalculator) else {}
    for key, value in (*atoms.arrays.items(), *results.items()):
        if _plain(key) not in _OF_ATOMS or np.size(value) != len(atoms):
            continue
        if not np.array_equal(np.ravel(value), atoms.numbers):  # charges of the nuclei
            yield "initial_charges" if _plain(key) in _FORMAL else "charges", np.ravel(value)


def require_charge_of(smiles: str, charge: int | None, where: str) -> None:
    """Refuse a charge that a SMILES contradicts; one that RDKit cannot read says nothing.

    Raises
    ------
    InputError
        Naming both.
    """
    if not smiles or charge is None:
        return
    try:
        drawn = molecule(smiles).charge
    except SmilesError:
        return
    if drawn != charge:
        raise InputError(
            f"{where}: charge = {charge}, and the SMILES {smiles!r} has {drawn:+d} - expected the "
            "same charge. Correct one of them."
        )


def whole(value: Any, key: str, where: str) -> int:
    """Return a whole number.

    Raises
    ------
    InputError
        If it is anything else.
    """
    one = np.ravel(value)[0] if np.size(value) == 1 else value
    try:
        number = None if isinstance(one, bool | np.bool_) else float(one)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or not number.is_integer():
        raise InputError(
            f"{where}: {key} = {_shown(one)} - expected a whole number. Fix it in the file."
        )
    return int(number)


def _shown(value: Any) -> str:
    text = " ".join(repr(value.item() if isinstance(value, np.generic) else value).split())
    return text if len(text) < 60 else f"{text[:57]}..."


def _of_the_whole(value: Any, n: int) -> bool:
    """Say whether a value is a number or two of a frame, not one for each of N atoms.

    A flag is a setting, and so is a text that is no number and no spin.
    """
    if isinstance(value, str):
        return _SAYS.fullmatch(value.strip()) is not None
    if isinstance(value, Real):
        return not isinstance(value, bool)
    values = value.ravel().tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(values, Sequence) or isinstance(values, bytes):
        return False
    numbers = all(isinstance(one, Real) and not isinstance(one, bool) for one in values)
    return numbers and 0 < len(values) <= 2 and len(values) % n != 0
