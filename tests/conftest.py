"""Shared fixtures: SPICE-layout files, mapped SMILES, and the one-line check of user errors."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from rdkit import Chem

from e3d.chemistry import molecule, symbol
from e3d.errors import InputError
from e3d.theory import SPICE, theories
from e3d.units import BOHR_ANG, HARTREE_EV, HARTREE_PER_BOHR_EV_PER_ANG
from spring_model import rest_geometry, spring_labels

pytest_plugins = (
    *("model_fixtures", "layout_fixtures", "workflow_fixtures", "fetch_fixtures"),
    *("report_fixtures", "browser", "mutation_fixtures"),
)

SpiceGroup = dict[str, Any]
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """Folder of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def minispice() -> Path:
    """The dataset that ships."""
    return ROOT / "resources" / "minispice.hdf5"


@pytest.fixture
def input_error() -> Callable[..., AbstractContextManager[None]]:
    """Expect an InputError of one line with every given text, whose last sentence is the fix."""

    @contextmanager
    def expect(*texts: str) -> Iterator[None]:
        with pytest.raises(InputError) as caught:
            yield
        message = str(caught.value)
        assert "\n" not in message, message
        assert message.endswith("."), message
        for text in texts:
            assert text in message, f"{text!r} is not in: {message}"

    return expect


def map_atoms(smiles: str) -> str:
    """Return ``smiles`` with explicit hydrogens and map numbers 1..N."""
    parameters = Chem.SmilesParserParams()
    parameters.removeHs = False
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles, parameters))
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(atom.GetIdx() + 1)
    return str(Chem.MolToSmiles(mol))


@pytest.fixture
def mapped() -> Callable[[str], str]:
    """Turn a plain SMILES into a mapped one."""
    return map_atoms


@pytest.fixture
def spice_group() -> Callable[..., SpiceGroup]:
    """Make the arrays of one SPICE group; ``smiles`` may be plain, then it gets map numbers."""

    def make(
        smiles: str, m: int = 3, subset: str = "made up", *, atom_hartree: float | None = None
    ) -> SpiceGroup:
        text = smiles if ":1]" in smiles else map_atoms(smiles)
        numbers = np.array(molecule(text).atomic_numbers)
        rng = np.random.default_rng(len(text) + m)
        if atom_hartree is None:
            atom_hartree = (
                sum(
                    theories()[SPICE.name].isolated_atom_energy[symbol(z)] for z in numbers.tolist()
                )
                / HARTREE_EV
            )
        rest = rest_geometry(text)
        positions = rest + rng.normal(scale=0.05, size=(m, *rest.shape))
        energy, forces = spring_labels(positions, rest)
        formation = -0.1 * len(numbers) + energy / HARTREE_EV
        return {
            "subset": [subset],
            "smiles": [text],
            "atomic_numbers": numbers.astype(np.int16),
            "conformations": (positions / BOHR_ANG).astype(np.float32),
            "formation_energy": formation,
            "dft_total_energy": formation + atom_hartree,
            "dft_total_gradient": (-forces / HARTREE_PER_BOHR_EV_PER_ANG).astype(np.float32),
        }

    return make


@pytest.fixture
def spice_file(tmp_path: Path) -> Callable[[Mapping[str, SpiceGroup]], Path]:
    """Write groups as a SPICE-layout file in a folder of its own and return its path."""

    def write(groups: Mapping[str, SpiceGroup]) -> Path:
        path = tmp_path / "source" / "spice.hdf5"
        path.parent.mkdir(exist_ok=True)
        with h5py.File(path, "w") as file:
            for name, arrays in groups.items():
                group = file.create_group(name)
                for key, values in arrays.items():
                    text = isinstance(values, list)
                    group.create_dataset(
                        key, data=values, dtype=h5py.string_dtype() if text else None
                    )
        return path

    return write
