"""Total charge and multiplicity, from whatever key a file states them under.

``spin`` and ``total_spin`` are multiplicities, 2S+1, as OMol25 and MACE write them
(github.com/ACEsuit/mace-foundations/issues/66, github.com/facebookresearch/fairchem/issues/1569).
Others write 2S. The number of electrons tells the two apart: an even one has odd 2S+1 and even 2S.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from e3d.chemistry import SmilesError, molecule
from e3d.errors import InputError
from e3d.store.files.hdf5 import damage_named, dataset

Meaning: TypeAlias = Literal["charge", "multiplicity", "spin", "unpaired", "unknown"]

_KNOWN: Final[Mapping[str, Meaning]] = {
    **dict.fromkeys(
        ("charge", "totalcharge", "totcharge", "netcharge", "q", "molcharge"), "charge"
    ),
    **dict.fromkeys(("formalcharge", "totalformalcharge", "moleculecharge"), "charge"),
    **dict.fromkeys(("molecularcharge", "systemcharge", "chargetotal", "chargetot"), "charge"),
    **dict.fromkeys(("multiplicity", "spinmultiplicity", "mult", "spinmult"), "multiplicity"),
    **dict.fromkeys(("totalmultiplicity", "molecularmultiplicity", "2s+1"), "multiplicity"),
    **dict.fromkeys(("spin", "totalspin", "totspin", "netspin"), "spin"),
    **dict.fromkeys(("uhf", "unpaired", "nunpaired", "numunpaired", "2s"), "unpaired"),
    **dict.fromkeys(("unpairedelectrons", "nunpairedelectrons"), "unpaired"),
    "numunpairedelectrons": "unpaired",
}
_SUSPECT: Final = re.compile("charge|spin|multiplic")
_HARMLESS: Final = re.compile(
    "charges(_|$)|spins(_|$)|unit|method|model|scheme|type|source|energ|gap|densit|dipole|transfer|orbit|"
    "square|contamination|pol|partial|atomic|initial|max|min|mean|rms|std|moment|nspin|ispin|"
    "population|mulliken|hirshfeld|mbis|cm5|esp"
)
"""Words in keys that hold a charge of atoms, a setting or a property, not the total charge."""


@lru_cache(maxsize=1000)
def meaning(key: str) -> Meaning | None:
    """Return what a key states of charge or spin, None if nothing.

    >>> meaning("total_charge"), meaning("Spin-Multiplicity"), meaning("mulliken_charges")
    ('charge', 'multiplicity', None)
    >>> meaning("charge_state")
    'unknown'
    """
    words = re.sub(r"[\-. ]", "_", key).casefold()
    plain = words.replace("_", "")
    if plain in _KNOWN:
        return _KNOWN[plain]
    return "unknown" if _SUSPECT.search(plain) and not _HARMLESS.search(words) else None


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
    for key, value in stated:
        what = meaning(str(key))
        if what is None or value is None or (what == "unknown" and not _is_scalar(value)):
            continue
        if what == "unknown":
            raise InputError(
                f"{where}: {key} = {value!r} may be a charge or a spin - known: `charge` (e), "
                "`multiplicity` (2S+1), `unpaired_electrons`. Rename the key, or remove it."
            )
        number = whole(value, str(key), where)
        other = found.setdefault(what, (str(key), number))
        if other[1] != number:
            raise InputError(
                f"{where}: {other[0]} = {other[1]} and {key} = {number} - expected one {what}. "
                "Correct or remove one."
            )
    charge = found["charge"][1] if "charge" in found else None
    electrons = int(np.sum(numbers)) - (charge or 0)
    if charge is not None and abs(charge) > np.sum(numbers):
        raise InputError(
            f"{where}: {found['charge'][0]} = {charge} - expected at most the "
            f"{np.sum(numbers)} protons of its atoms. Correct the frame."
        )
    return charge, _multiplicity(found, None if periodic else electrons, where)


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
        attributes = dict(group.attrs) if h5py.h5a.get_num_attrs(group.id) else {}
    yield from attributes.items()
    for name in names:
        found = dataset(group, name, where)
        shape = found.shape or ()
        of_atoms = n > 1 and (shape[1:2] == (n,) or (shape == (n,) and meaning(name) == "unknown"))
        if not of_atoms and found.size:
            with damage_named(f"{where}, {name}"):
                values = np.unique(found[()])
            yield name, values[0] if values.size == 1 else values


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


def _is_scalar(value: Any) -> bool:
    """Say whether a value is one number; a text or a flag is a setting."""
    return np.ndim(value) == 0 and not isinstance(value, str | bytes | bool | np.bool_ | Mapping)
