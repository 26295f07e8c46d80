"""Named bonds: bonds of small molecules whose energies are known, and D of a model beside these.

The data ship with the library; where they come from is in ``resources/README.md``.
"""

from pathlib import Path
from typing import Final

_FOLDER = Path(__file__).parent
BDE_FILE: Final = _FOLDER / "bde_298K.csv"
"""Bond dissociation enthalpies at 298 K of bonds in mapped SMILES."""
ENERGIES_FILE: Final = _FOLDER / "bond_energies.csv"
"""Mean bond energy and De of some of them."""
MOLECULES_FILE: Final = _FOLDER / "named_bonds.xyz"
"""Their closed-shell molecules, relaxed by GFN2-xTB, as mapped SMILES."""
