"""Labels taken over from a file: same level of theory, a number for each conformation."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from e3d.theory import SPICE
from e3d_labels.labelling import label_journal, take_over
from e3d_labels.programs import program_of
from model_fixtures import MINISPICE

GROUPS = ("O", "C")


@pytest.fixture
def labelled(tmp_path: Path) -> Callable[..., Path]:
    """Copy two groups of minispice, with what is given put in the place of arrays of the second."""

    def write(level: str = "", **arrays: Any) -> Path:
        path = tmp_path / "known.hdf5"
        with h5py.File(MINISPICE) as source, h5py.File(path, "w", track_order=True) as file:
            file.attrs["level_of_theory"] = level or source.attrs["level_of_theory"]
            for name in GROUPS:
                source.copy(source[name], file, name)
            for key, change in arrays.items():
                values = change(file[GROUPS[1]][key][()])
                del file[GROUPS[1]][key]
                file[GROUPS[1]][key] = values
        return path

    return write


def test_every_label_is_taken_once(labelled: Callable[..., Path], tmp_path: Path) -> None:
    path = labelled()
    with h5py.File(path) as file:
        n = sum(len(file[name]["dft_total_energy"]) for name in GROUPS)
    journal = label_journal(tmp_path / "journal", program_of("spice"))
    assert take_over(path, journal, SPICE.name) == n
    assert take_over(path, journal, SPICE.name) == 0


@pytest.mark.parametrize(
    "arrays",
    [
        {"dft_total_energy": lambda values: values[:2]},
        {"dft_total_energy": lambda values: np.full_like(values, np.nan)},
        {"dft_total_gradient": lambda values: values[:2]},
        {"dft_total_gradient": lambda values: values[:, :1]},
    ],
)
def test_labels_that_do_not_fit_are_refused(
    arrays: dict[str, Any], labelled: Callable[..., Path], tmp_path: Path, input_error: Any
) -> None:
    with input_error("known.hdf5, group 'C'", "expected", "Drop the group"):
        take_over(
            labelled(**arrays), label_journal(tmp_path / "journal", program_of("spice")), SPICE.name
        )


def test_a_theory_whose_name_only_begins_alike_is_another(
    labelled: Callable[..., Path], tmp_path: Path, input_error: Any
) -> None:
    with input_error("same level of theory"):
        take_over(
            labelled(f"{SPICE.name}-other"),
            label_journal(tmp_path / "journal", program_of("spice")),
            SPICE.name,
        )
