"""Names that the stages of the study share: sets of structures, axis labels."""

from typing import TYPE_CHECKING, Final

from e3d import fields
from e3d.fields import NAMED_BONDS, TEST_SPLITS, Column

if TYPE_CHECKING:
    import pandas as pd

TEST_ALL: Final = "test-all"
"""Both test sets together, where molecules are few."""
STRUCTURES: Final = (*TEST_SPLITS, NAMED_BONDS)
"""What every run is decomposed on, beside the frames of the study's test datasets."""
GIVEN: Final = fields.GIVEN
"""What the ids of runs of given models start with: ``given/spice2-medium``."""
VARIANT_SIGN: Final = "+"
"""Stands between a model size and what is changed of it: ``micro+r35``."""

CELL: Final = [str(Column.DATASET), str(Column.N_TRAIN), str(Column.MODEL)]
"""Runs that differ by their seed alone."""
BONDED_SHARE: Final = "bonded_share"
"""Sum of D over bonded pairs over the sum over all pairs."""

LABELS: Final[dict[str, str]] = {
    Column.N_TRAIN: "training frames $N$",
    Column.BOND_ENERGY: "bond energy $D_{ij}$ (eV)",
    Column.R: "distance $r$ (Å)",
    Column.ENERGY_MAE: "energy MAE (meV/atom)",
    Column.ENERGY_RMSE: "energy RMSE (meV/atom)",
    Column.FORCE_MAE: "force MAE (meV/Å)",
    Column.FORCE_RMSE: "force RMSE (meV/Å)",
    BONDED_SHARE: r"bonded share $\beta$",
}
"""Axis label, with unit, of every quantity a figure draws."""


def base_and_variant(model: str) -> tuple[str, str]:
    """Return a model's size, and what is changed of it: ``micro+r35`` is ``micro`` with ``r35``."""
    base, _, variant = model.partition(VARIANT_SIGN)
    return base, variant


def set_name(dataset: str) -> str:
    """Return what the frames of a test dataset are called, as its store's are."""
    return dataset.replace("_", "-")


def is_given(run: str) -> bool:
    """Say whether a run is a given model, which was not trained here."""
    return run.startswith(f"{GIVEN}/")


def trained(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return the rows of runs that were trained here, without those of given models."""
    return table[~table[Column.RUN].astype(str).map(is_given).astype(bool)]


def plain(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return the rows of plain model sizes, without those of variants (``micro+r35``)."""
    return table[~table[Column.MODEL].astype(str).str.contains(VARIANT_SIGN, regex=False)]
