"""Chemical elements by symbol and by atomic number."""

from ase.data import atomic_numbers, chemical_symbols

from e3d.errors import InputError


def symbol(z: int) -> str:
    """Return the chemical symbol of atomic number ``z``; 0, ASE's dummy, is ``X``.

    >>> symbol(17)
    'Cl'
    """
    return str(chemical_symbols[z])


def number(element: str) -> int:
    """Return the atomic number of a chemical symbol.

    Raises
    ------
    InputError
        If there is no such element.

    Examples
    --------
    >>> number("Cl")
    17
    """
    z = atomic_numbers.get(element, 0)
    if not z:
        raise InputError(
            f"element {element!r} is not a chemical symbol - expected one as in the periodic table "
            "(H, C, Cl). Fix `isolated_atom_energy_eV` (--isolated-atom-energy) or "
            "`exclude_elements` (--exclude-elements) of the dataset, or `subset.elements`."
        )
    return int(z)
