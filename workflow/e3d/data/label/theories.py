"""Which program computes which level of theory."""

from typing import Any

from e3d.data.label.task import Labeller
from e3d.data.theory import GFN2, SPICE, Theory
from e3d.errors import InputError

_INSTALL = "Install the extra: pip install -e '.[labels]'."


def make_labeller(theory: Theory) -> Labeller:
    """Return a labeller of ``theory`` for this process.

    Raises
    ------
    InputError
        If the program it needs is not installed.
    """
    try:
        if theory == SPICE:
            from e3d.data.label.dft import Dft

            return Dft()
        from e3d.data.label.xtb import Xtb

        return Xtb()
    except ImportError as error:
        raise InputError(f"labels at {theory.name} need {error.name}, which is not installed. {_INSTALL}") from None


def settings_of(theory: Theory) -> dict[str, Any]:
    """Return what identifies a label of ``theory``, without loading its program."""
    return {"theory": theory.name, **({SPICE.name: _SPICE_SETTINGS, GFN2.name: {}}[theory.name])}


_SPICE_SETTINGS = {"density_fitting": True, "grid_level": 3, "conv_tol_hartree": 1e-9}
