"""What a CIF file says of its sites and of the contents of its cell, and what they are."""

import logging
import re
from collections import Counter
from math import gcd
from typing import Final

import numpy as np
from ase import Atoms, units
from ase.data import atomic_numbers, chemical_symbols
from ase.io.cif import CIFBlock

from e3d.errors import InputError

log = logging.getLogger(__name__)

_PLACES: Final = tuple(f"_atom_site_{kind}_{x}" for kind in ("fract", "cartn") for x in "xyz")
_ELEMENTS: Final = ("_atom_site_type_symbol", "_atom_site_label")
_VOLUME: Final = 0.02
"""Relative, of volumes in three digits."""
_DENSITY: Final = "_exptl_crystal_density_diffrn"
_DENSE: Final = 0.1
"""Relative: a molecule or ion in the cell more or less changes the density by more."""
_G_CM3: Final = 1e24 / units.mol
"""g/cm^3 of 1 u/Å^3."""
_GROUP, _ASSEMBLY, _FLAG, _SHARE = (
    f"_atom_site_{word}"
    for word in ("disorder_group", "disorder_assembly", "calc_flag", "occupancy")
)
_LABEL: Final = re.compile(r"([A-Z][a-z]?)\d*$")


def require_sites(block: CIFBlock, where: str) -> None:
    """Refuse sites without a place, of no sure element, that are no atoms or one of several.

    Raises
    ------
    InputError
        Naming the site or its value.
    """
    _require_numbers(block, where)
    _require_elements(block, where)
    _require_one_of_each(block, where)


def _require_numbers(block: CIFBlock, where: str) -> None:
    """Refuse a cell and coordinates that are no numbers, as those of atoms without a place."""
    for key in (*CIFBlock.cell_tags, *_PLACES):
        for value in np.ravel(np.array(block.get(key, []), dtype=object)):
            if not isinstance(value, int | float):
                raise InputError(
                    f"{where}: {key} has {value!r} - expected a number. Complete it, or remove "
                    "the atom."
                )


def _require_elements(block: CIFBlock, where: str) -> None:
    """Refuse words in which ASE would find another element, or none: its first one or two letters.

    ``CA1`` of a site without a type may be a carbon or calcium; ``CL`` becomes carbon.
    """
    key = next(key for key in _ELEMENTS if key in block)
    for word in map(str, np.ravel(block[key])):
        name, capitals = (
            found[0] if (found := re.match(letters, word)) else ""
            for letters in ("[A-Z][a-z]?", "[A-Z]{2}")
        )
        known = name == "D" or bool(atomic_numbers.get(name))
        if not known or capitals.title() in atomic_numbers:
            raise InputError(
                f"{where}: {key} has {word!r}, which may be another element than "
                f"{name or 'any'} - expected symbols such as C or Cl. Write _atom_site_type_symbol "
                "for every atom."
            )


def _column(block: CIFBlock, key: str, n: int) -> list[str]:
    """Return the ``n`` words of a column of sites; ``.`` where a file lacks it."""
    return list(map(str, np.ravel(block.get(key, ["."] * n))))


def _require_one_of_each(block: CIFBlock, where: str) -> None:
    """Refuse sites that are no atoms, or alternatives of others, and warn of labels of others."""
    symbols = block.get_symbols()
    labels, flags, groups, assemblies, shares = (
        _column(block, key, len(symbols))
        for key in (_ELEMENTS[1], _FLAG, _GROUP, _ASSEMBLY, _SHARE)
    )
    for label, flag, share in zip(labels, flags, shares, strict=True):
        if flag == "dum" or re.fullmatch(r"0(\.0*)?", share):
            what = f"{_FLAG} dum" if flag == "dum" else f"{_SHARE} {share}"
            raise InputError(
                f"{where}: site {label!r} has {what}, so no atom is there - expected atoms alone. "
                "Remove the site."
            )
    seen: dict[str, str] = {}
    for label, assembly, group in zip(labels, assemblies, groups, strict=True):
        first = group if group in (".", "?") else seen.setdefault(assembly, group)
        if first != group:
            raise InputError(
                f"{where}: site {label!r} is of disorder group {group}, and others are of group "
                f"{first}: alternatives, of which a molecule has one - expected whole atoms. "
                "Choose one group for each assembly, and remove the others."
            )
    named = [_LABEL.match(label) for label in labels]
    other = [
        f"{label} of {symbol}"
        for label, name, symbol in zip(labels, named, symbols, strict=True)
        if name and name[1] in chemical_symbols and name[1] != symbol
    ]
    if other:
        log.warning(
            "%s: %d of %d sites have a label that names another element than their type, for one "
            "%s; the type is taken",
            *(where, len(other), len(symbols), other[0]),
        )


def require_contents(block: CIFBlock, atoms: Atoms, where: str) -> None:
    """Refuse a volume, a density or a formula that is not the one of the cell and its atoms.

    A formula is that of a molecule, times Z, or of the cell: of it where Z divides it, or where a
    density agrees. Nothing is said of the contents of cells with partly occupied sites.

    Raises
    ------
    InputError
        Naming both.
    """
    volume = block.get("_cell_volume")
    if isinstance(volume, int | float) and abs(volume - atoms.cell.volume) > _VOLUME * volume:
        raise InputError(
            f"{where}: _cell_volume is {volume:g} Å^3, and its lengths and angles give "
            f"{atoms.cell.volume:.6g} - expected the same. Correct one of them."
        )
    if any(str(one) not in ("1", "1.0") for one in np.ravel(block.get(_SHARE, 1))):
        return
    is_dense = _require_density(block, atoms, where)
    formula, z = str(block.get("_chemical_formula_sum")), block.get("_cell_formula_units_z")
    stated, found = _counts(formula), Counter(atoms.get_chemical_symbols())
    wrong = bool(stated) and _reduced(found) != _reduced(stated)
    if stated and isinstance(z, int) and not wrong:
        of_cell = is_dense or gcd(*stated.values()) % max(z, 1) == 0  # as pymatgen states it
        wrong = found != Counter({key: n * z for key, n in stated.items()})
        wrong &= not (of_cell and found == stated)
    if wrong:
        times = f" times Z = {z}" if isinstance(z, int) else ""
        raise InputError(
            f"{where}: the cell holds {atoms.symbols.formula.format('hill')}, and "
            f"_chemical_formula_sum is {formula!r}{times} - expected the same. Atoms are missing "
            "(hydrogen? all but the asymmetric unit?), or the symmetry or its origin is another: "
            "correct the file."
        )


def _require_density(block: CIFBlock, atoms: Atoms, where: str) -> bool:
    """Refuse a density that is not that of the atoms in the cell; say whether there is one."""
    stated = block.get(_DENSITY)
    if not isinstance(stated, int | float) or stated <= 0 or atoms.cell.rank < 3:
        return False
    density = atoms.get_masses().sum() / atoms.cell.volume * _G_CM3
    if abs(density - stated) > _DENSE * stated:
        raise InputError(
            f"{where}: {_DENSITY} is {stated:g} g/cm^3, and the "
            f"{atoms.symbols.formula.format('hill')} in the cell has {density:.3g} - expected the "
            "same within 10 %. Atoms are missing (all but the asymmetric unit?), or the symmetry "
            "is another: correct the file."
        )
    return True


def _counts(formula: str) -> Counter[str]:
    """Return the atoms of a formula such as ``Ti O2``; none where it is not of whole atoms."""
    counts = Counter[str]()
    for word in formula.split():
        one = re.fullmatch(r"([A-Z][a-z]?)(\d*)", word)
        if one is None:
            return Counter()
        counts["H" if one[1] == "D" else one[1]] += int(one[2] or 1)
    return counts


def _reduced(counts: Counter[str]) -> dict[str, int]:
    factor = gcd(*counts.values())
    return {key: n // factor for key, n in counts.items()}
