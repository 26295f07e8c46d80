"""What the project asks of a potential, be it a trained model or a fitted one. No torch here."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from e3d.arrays import Floats
from e3d.chemistry import symbol
from e3d.edges import EdgeEnergies
from e3d.errors import InputError
from e3d.graphs import Batch, batches
from e3d.structures import Structure


class Potential(Protocol):
    """A model of energies and forces. F frames, A atoms; eV and Å."""

    @property
    def r_max(self) -> float:
        """Cutoff of the neighbour lists of its batches, Å."""

    def knows(self, structure: Structure) -> bool:
        """Say whether the model was made for the elements, or the bonds, of a structure."""

    def batches(self, structures: Iterable[Structure]) -> Iterator[Batch]:
        """Group structures, in order, into batches of some 2,000 atoms."""
        return batches(structures, self.r_max)

    def energies_and_forces(self, batch: Batch) -> tuple[Floats, Floats]:
        """Return total energies (F,) in eV and the forces on all atoms (A, 3) in eV/Å."""


class EdgePotential(Potential, Protocol):
    """A potential whose energy is a sum over directed edges and isolated atoms."""

    def edge_energies(self, batch: Batch) -> EdgeEnergies:
        """Return the energy of every directed edge, eV."""


class LoadedModel(EdgePotential, Protocol):
    """An edge potential that a file holds, as :func:`e3d.load` returns it."""

    path: Path
    """Its file."""
    type_names: tuple[str, ...]
    """Symbols of the elements it knows."""
    n_parameters: int
    """Number of trainable weights."""

    @property
    def facts(self) -> Mapping[str, str | int | float]:
        """What the model is, for a report: kind of file, cutoff in Å, size, by name."""

    def knows(self, structure: Structure) -> bool:
        """Say whether the model knows every element of a structure."""
        return not self.unknown(structure)

    def unknown(self, structure: Structure) -> list[str]:
        """Return the symbols of a structure's elements that the model does not know, sorted."""
        return sorted({symbol(int(z)) for z in structure.atomic_numbers} - {*self.type_names})


def require_known(model: LoadedModel, structures: Iterable[Structure]) -> None:
    """Refuse structures with elements that a model does not know: it has no energy for them.

    Raises
    ------
    InputError
        Naming the first of them.
    """
    for one in structures:
        if not model.knows(one):
            raise InputError(
                f"{one.label}: {model.path} does not know {', '.join(model.unknown(one))}; it "
                f"knows {', '.join(model.type_names)}. Leave such structures out "
                "(--skip-unknown-elements), or give a model that has these elements."
            )
