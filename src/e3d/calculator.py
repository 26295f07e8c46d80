"""An ASE calculator: energies and forces for dynamics and relaxations, and D where it is asked for.

atoms.calc = EdgeCalculator(e3d.load("model.ckpt"))
VelocityVerlet(atoms, timestep=0.5 * units.fs).run(100)
atoms.calc.get_property("bonds", atoms)            # (B, 5): i, j and the cell of j
atoms.calc.get_property("bond_energies", atoms)    # (B,): D in eV, in the same order
"""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from e3d.decomposition.rows import Decomposer
from e3d.fields import Column as C
from e3d.potential import EdgePotential
from e3d.structures import from_atoms, without_bonds

_BONDS, _BOND_ENERGIES = "bonds", "bond_energies"


class EdgeCalculator(Calculator):  # type: ignore[misc]  # ASE is not typed
    """Energy (eV) and forces (eV/Å) of an edge potential, for molecules and periodic cells.

    A step of dynamics costs what the model costs. The bonds and D of N atoms are worked out when
    they are asked for, for the geometry of that moment:

    ``bonds``
        (B, 5), integers: atoms i and j, and the cell shift of j; sorted by these.
    ``bond_energies``
        (B,), eV: D of these bonds, as :func:`e3d.decompose` gives it.

    Bonds are perceived anew from each geometry, unless ``atoms.info["smiles"]`` is a mapped SMILES
    that says which there are: then the rows stay the same along a trajectory. There is no stress.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from ase.build import molecule
    >>> from e3d.models import load_model
    >>> morse = "{H-H: {depth_eV: 4.5, length_ang: 0.74, steepness_per_ang: 1.9}}"
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "hydrogen.pair.yaml"
    ...     _ = path.write_text(f"{{r_max_ang: 6, pairs: {morse}}}")
    ...     atoms = molecule("H2", calculator=EdgeCalculator(load_model(path)))
    >>> print(f"{atoms.get_potential_energy():.2f}")
    -4.50
    >>> print(*atoms.calc.get_property("bond_energies", atoms).round(2))
    4.5
    """

    implemented_properties: ClassVar[list[str]] = [
        *("energy", "free_energy", "forces"),
        *(_BONDS, _BOND_ENERGIES),
    ]

    def __init__(self, model: EdgePotential) -> None:
        """Take what :func:`e3d.load` returns, or any other edge potential."""
        super().__init__()
        self.model = model

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Work out what ASE asks for.

        Raises
        ------
        InputError
            If the model does not know an element, or the atoms cannot be used.
        """
        super().calculate(atoms, properties, system_changes)
        wanted = set(properties)
        if wanted & {_BONDS, _BOND_ENERGIES}:
            self._decompose()
        if wanted - {_BONDS, _BOND_ENERGIES}:
            (batch,) = self.model.batches([without_bonds(self.atoms)])
            energies, forces = self.model.energies_and_forces(batch)
            energy = float(energies[0])
            self.results |= {"energy": energy, "free_energy": energy, "forces": forces}

    def _decompose(self) -> None:
        (batch,) = Decomposer(self.model).batches([from_atoms(self.atoms)])
        index = [batch.columns[name] for name in (C.I, C.J, C.S_X, C.S_Y, C.S_Z)]
        self.results |= {
            _BONDS: np.stack(index, axis=1),
            _BOND_ENERGIES: batch.columns[C.BOND_ENERGY],
        }
