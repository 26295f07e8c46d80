"""Total charge and multiplicity, from whatever key a file states them under.

``spin`` and ``total_spin`` are multiplicities, 2S+1, as OMol25 and MACE write them
(github.com/ACEsuit/mace-foundations/issues/66, github.com/facebookresearch/fairchem/issues/1569).
Others write 2S. The number of electrons tells the two apart: an even one has odd 2S+1 and even 2S.

Initial charges of ASE's atoms are formal charges if all of them are whole numbers. Their sum is the
total charge then, as ASE's calculators (xtb, tblite, DFTB+) take it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from numbers import Real
from typing import Any, Final, Literal, TypeAlias

import h5py
import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from e3d.chemistry import SmilesError, molecule
from e3d.errors import InputError
from e3d.store.files.hdf5 import damage_named, dataset

Meaning: TypeAlias = Literal[
    "charge", "multiplicity", "spin", "unpaired", "electrons", "initial", "unknown"
]

_KNOWN: Final[Mapping[str, Meaning]] = {
    **dict.fromkeys(
        ("charge", "totalcharge", "totcharge", "netcharge", "q", "molcharge"), "charge"
    ),
    **dict.fromkeys(("formalcharge", "totalformalcharge", "moleculecharge"), "charge"),
    **dict.fromkeys(("molecularcharge", "systemcharge", "chargetotal", "chargetot"), "charge"),
    **dict.fromkeys(("chg", "chrg", "totalchg", "totalchrg"), "charge"),
    **dict.fromkeys(("multiplicity", "spinmultiplicity", "mult", "spinmult"), "multiplicity"),
    **dict.fromkeys(("totalmultiplicity", "molecularmultiplicity", "2s+1"), "multiplicity"),
    **dict.fromkeys(("spin", "totalspin", "totspin", "netspin"), "spin"),
    **dict.fromkeys(("uhf", "unpaired", "nunpaired", "numunpaired", "2s", "twos"), "unpaired"),
    **dict.fromkeys(("unpairedelectrons", "nunpairedelectrons"), "unpaired"),
    "numunpairedelectrons": "unpaired",
    "initialcharges": "initial",
}
_ELECTRONS: Final = re.compile(
    "(n|nr|no|num|number|numberof)elec(t|trons?)?|(tot|total|totalnumberof)?electrons?"
)
_SUSPECT: Final = re.compile("charge|spin|multiplic|unpaired|^n(um|elec)?_?(alpha|beta)$")
_SUSPECT_WORD: Final = re.compile("(^|_)(chr?g|chgs|mult)(_|$)")
_HARMLESS: Final = re.compile(
    "unit|method|model|scheme|energ|gap|densit|dipole|transfer|orbit|square|contamination|polari|"
    "spinpol|partial|moment|nspin|ispin|population|mulliken|hirshfeld|mbis|cm5|bader|lowdin|"
    "(^|_)(type|source|atomic|min|max|mean|avg|rms|std|r?esp|pol)(_|$)"
)
"""Words in keys that hold a charge of atoms, a setting or a property, not the total charge."""
_ION: Final = 0.01
"""In e: partial charges of an ion add up to its charge within this."""


@lru_cache(maxsize=1000)
def meaning(key: str) -> Meaning | None:
    """Return what a key states of charge or spin, None if nothing.

    >>> meaning("total_charge"), meaning("Spin-Multiplicity"), meaning("mulliken_charges")
    ('charge', 'multiplicity', None)
    >>> meaning("charge_state")
    'unknown'
    """
    words = re.sub(r"[\-. ]|(?<=[a-z])(?=[A-Z])", "_", key).casefold()
    plain = words.replace("_", "")
    if plain in _KNOWN:
        return _KNOWN[plain]
    if _ELECTRONS.fullmatch(plain):
        return "electrons"
    suspect = _SUSPECT.search(plain) or _SUSPECT_WORD.search(words)
    return "unknown" if suspect and not _HARMLESS.search(words) else None


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
    initial = None
    for key, value in stated:
        what = meaning(str(key))
        if what is None or value is None:
            continue
        if what == "initial" and np.size(value) == len(numbers):
            initial = (str(key), value)
        elif what not in ("initial", "unknown"):
            _add(found, what, str(key), whole(value, str(key), where), where)
        elif _of_the_whole(value, len(numbers)):
            raise InputError(
                f"{where}: {key} = {_shown(value)} may be a charge or a spin - known: `charge` "
                "(e), `multiplicity` (2S+1), `unpaired_electrons`. Rename the key, or remove it."
            )
    if initial is not None:
        _add_total(found, *initial, where)
    protons = int(np.sum(numbers))
    charge = _charge(found, protons, where, periodic=periodic)
    return charge, _multiplicity(found, None if periodic else protons - (charge or 0), where)


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
    """Add the sum of formal charges (N,), e; partial charges do not say it."""
    values = np.asarray(charges, dtype=np.float64)
    total = float(values.sum())
    if not values.any():  # as ASE writes where there is none
        return
    if (values == np.round(values)).all():
        _add(found, "charge", f"sum of {key}", int(total), where)
    elif "charge" not in found and round(total) and abs(total - round(total)) < _ION:
        raise InputError(
            f"{where}: {key} add up to {total:.3g} - expected the total charge beside partial "
            "charges of an ion. Give `charge`."
        )


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
        owners = [one for one in (group.file, group) if h5py.h5a.get_num_attrs(one.id)]
        said = [(key, one.attrs[key]) for one in owners for key in one.attrs if meaning(key)]
    yield from said
    for name in names:
        found = dataset(group, name, where)
        shape = found.shape or ()
        known = meaning(name) not in ("unknown", "initial")
        of_atoms = n > 1 and (shape[1:2] == (n,) or (shape == (n,) and not known))
        of_conformations = len(shape) < 2 or shape[1:] == (1,)
        if not of_atoms and found.size and (known or of_conformations):
            with damage_named(f"{where}, {name}"):
                values = np.unique(found[()])
            yield name, values[0] if values.size == 1 or not known else values


def stated_of(atoms: Atoms) -> Iterator[tuple[str, Any]]:
    """Yield what ASE's atoms say beside their numbers, and their initial charges."""
    yield from atoms.info.items()
    if "initial_charges" in atoms.arrays:
        yield "initial_charges", atoms.arrays["initial_charges"]


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

    A text or a flag is a setting.
    """
    if isinstance(value, Real):
        return not isinstance(value, bool)
    values = value.ravel().tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(values, Sequence) or isinstance(values, str | bytes):
        return False
    numbers = all(isinstance(one, Real) and not isinstance(one, bool) for one in values)
    return numbers and 0 < len(values) <= 2 and len(values) % n != 0
