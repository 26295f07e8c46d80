"""Write the tables of one run: the split of D's errors, bond-separation energies, and bond orders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e3d import tables
from e3d.errors import InputError
from e3d.fields import BONDS_FILE, MEANS_FILE
from e3d.fields import Column as C
from study.fields import NAMED_BONDS
from study.label_theory.orders import orders_table
from study.label_theory.separation import label_energies, separations
from study.label_theory.split import read_label_level, split_bonds, summary


@dataclass(frozen=True)
class Inputs:
    """Files of one run and of the labels' level; ``source`` is the dataset's own file, None where it has none."""

    named: Path
    named_folder: Path
    test_folders: Sequence[Path]
    store: Path
    source: Path | None
    label_level: Path
    references: Path

    def paths(self) -> list[Path]:
        """Return every file that is read."""
        files = [self.named, self.named_folder / MEANS_FILE, self.label_level, self.references]
        files += [folder / BONDS_FILE for folder in self.test_folders]
        return [*files, *([self.store, self.source] if self.source else [])]


def run_tables(inputs: Inputs, output: Path, run: Mapping[str, Any]) -> None:
    """Write ``<run>.csv`` (bonds), ``.summary.csv``, ``.separation.csv`` and ``.orders.csv``."""
    named = tables.read(inputs.named, columns=("bond", C.GEOMETRY, C.BOND_ENERGY))
    own = [name for name in named.columns if name not in run]
    bonds = split_bonds(named[own], read_label_level(inputs.label_level))
    means = tables.read(inputs.named_folder / MEANS_FILE, columns=(C.MOLECULE, C.BOND_ENERGY))
    outputs = {
        "": bonds,
        ".summary": summary(bonds),
        ".separation": separations(means, label_energies(inputs.references)),
    }
    if inputs.source is None:
        outputs[".orders"] = orders_table((), inputs.store, Path())
    else:
        outputs[".orders"] = orders_table(inputs.test_folders, inputs.store, inputs.source)
    for suffix, table in outputs.items():
        path = output.with_name(f"{output.stem}{suffix}.csv")
        tables.write(tables.with_run(table, run), path, inputs=inputs.paths())


def run(
    named: Path,
    folders: Sequence[Path],
    orders: str,
    output: Path,
    run: Mapping[str, Any],
    **files: Path,
) -> None:
    """Write the tables of one run; ``folders`` are its decompositions, by their names.

    Raises
    ------
    InputError
        If the named bonds are not among them.
    """
    decomposed = {path.name: path for path in folders}
    if NAMED_BONDS not in decomposed:
        raise InputError(
            f"folders {', '.join(decomposed)} - one must be {NAMED_BONDS}, the decomposition of "
            "the named bonds. Add it."
        )
    inputs = Inputs(
        named=named,
        named_folder=decomposed.pop(NAMED_BONDS),
        test_folders=tuple(decomposed.values()),
        source=Path(orders) if orders else None,
        **files,
    )
    run_tables(inputs, output, run)
