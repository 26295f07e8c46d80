"""The null models: their names, what each of them is given, and which of its scores mean something.

Another one is an entry here and, if it is fitted, the module that fits it (see ``fitted``).
"""

from dataclasses import dataclass
from typing import Final

from e3d.statistics.agreement import BETWEEN, MAE, SCORES, WITHIN

NULL_MODEL: Final = "null_model"
"""The column that names a null model."""


@dataclass(frozen=True)
class NullModel:
    """One null model.

    Parameters
    ----------
    name
        Its name in tables.
    title
        Its name in sentences.
    label
        Its name in figures.
    information
        What it is made from, for its row in the table of fits.
    fit
        The function that fits it, ``module:function``; empty if its D is random.
    scores
        The scores of its D that mean something.
    forces
        Whether it has forces, as a potential.
    """

    name: str
    title: str
    label: str
    information: str
    fit: str = ""
    scores: tuple[str, ...] = SCORES
    forces: bool = False

    @property
    def column(self) -> str:
        """Column of its D, eV."""
        return f"{self.name.replace('-', '_')}_eV"


COARSE: Final = NullModel(
    "additivity-coarse",
    "bond additivity",
    "bond additivity",
    "training energies; the bonds of each molecule and their orders (not known to E3D); "
    "no geometry, no forces",
    "study.null.additive_potential:fit_coarse",
)
"""One bond energy for each bond type."""
FINE: Final = NullModel(
    "additivity-fine",
    "bond additivity with hybridisation",
    "additivity with\nhybridisation",
    "as the coarse one, and the hybridisation of both atoms",
    "study.null.additive_potential:fit_fine",
)
"""One bond energy for each bond type with the hybridisation of its atoms."""
PAIR: Final = NullModel(
    "pair-potential",
    "a pair potential",
    "pair potential",
    "training energies and forces, elements and distances, as E3D; the same loss weights, and the "
    "validation frames to choose its smoothness",
    "study.null.pair_potential:fit_pair",
    forces=True,
)
UNTRAINED: Final = NullModel(
    "untrained",
    "an untrained network",
    "untrained network",
    "the architecture, its scale and Nbar; no labels",
    scores=(BETWEEN, WITHIN),
)
IN_MOLECULES: Final = NullModel(
    "shuffled-in-molecules",
    "D shuffled within molecules",
    "$D$ shuffled\nwithin molecules",
    "D itself, without which bond of a molecule has it",
)
IN_TYPES: Final = NullModel(
    "shuffled-in-types",
    "D shuffled within bond types",
    "$D$ shuffled\nwithin types",
    "D itself, without which bond of a type has it",
    scores=(MAE, WITHIN),
)

NULL_MODELS: Final = {
    one.name: one for one in (COARSE, FINE, PAIR, UNTRAINED, IN_MOLECULES, IN_TYPES)
}
"""All of them by name, in the order of rows and sentences."""
FITTED: Final = tuple(one for one in NULL_MODELS.values() if one.fit)
"""Those fitted to the training frames of a run."""
FIT_MODULES: Final = tuple(dict.fromkeys(one.fit.partition(":")[0] for one in FITTED))
"""The modules that fit them: what the table of fits depends on."""
