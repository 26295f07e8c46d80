"""Which program computes which level of theory."""

import importlib.util
from typing import Any

from e3d.errors import InputError, choices
from e3d.theory import GFN2, SPICE, Theory, theories
from e3d_labels.task import Labeller

_INSTALL = "Install the extra: pip install -e '.[labels]'."
_NEEDS = {SPICE.name: ("pyscf", "pyscf.dispersion"), GFN2.name: ("tblite",)}
_CHUNK = {
    SPICE.name: 1,
    GFN2.name: 100,
}  # about a second's work, or one conformation if that takes longer
_PROGRAM = {SPICE.name: "PySCF, UKS, density fitting, grid level 3", GFN2.name: "tblite"}
_SHORT = {"spice": SPICE.name, "gfn2": GFN2.name}


def theory_named(name: str) -> Theory:
    """Return the theory of a name, full or short.

    Raises
    ------
    InputError
        If nothing here computes it.
    """
    if (full := _SHORT.get(name, name)) not in _NEEDS:
        raise InputError(
            f"theory {name!r} cannot be computed here - {choices(name, [*_SHORT, *_NEEDS])}. Fix the theory, "
            "or label with another program and read its file in one of the layouts."
        )
    return theories()[full]


def default_chunk(theory: Theory) -> int:
    """Return how many conformations a process takes at a time."""
    return _CHUNK[theory.name]


def check_installed(theory: Theory) -> None:
    """Refuse before any process starts what would fail in all of them.

    Raises
    ------
    InputError
        If the program ``theory`` needs is not installed.
    """
    for name in _NEEDS[theory.name]:
        try:
            missing = importlib.util.find_spec(name) is None
        except ImportError:  # a package whose parent is missing
            missing = True
        if missing:
            raise InputError(
                f"labels at {theory.name} need {name}, which is not installed. {_INSTALL}"
            )


def make_labeller(theory: Theory) -> Labeller:
    """Return a labeller of ``theory`` for this process; see :func:`check_installed`."""
    if theory.name == SPICE.name:
        from e3d_labels.dft import Dft

        return Dft()
    from e3d_labels.xtb import Xtb

    return Xtb()


def sources(theory: Theory) -> str:
    """Return where a number computed here comes from, for the ``source`` of a table."""
    return f"this project: {_PROGRAM[theory.name]} (e3d data atoms)"


def settings_of(theory: Theory) -> dict[str, Any]:
    """Return what identifies a label of ``theory``, without loading its program."""
    return {"theory": theory.name, **({SPICE.name: _SPICE_SETTINGS, GFN2.name: {}}[theory.name])}


_SPICE_SETTINGS = {"density_fitting": True, "grid_level": 3, "conv_tol_hartree": 1e-9}
