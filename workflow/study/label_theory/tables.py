"""D of one run beside what the labels' own level of theory gives: four tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from e3d import tables
from e3d.errors import InputError
from e3d.fields import BONDS_FILE, MEANS_FILE, NAMED_BONDS
from e3d.fields import Column as C
from study.label_theory.bond_orders import orders_table
from study.label_theory.bond_separation import label_energies, separations
from study.label_theory.error_parts import read_label_level, split_bonds, summary


def write_tables(
    named: Path,
    folders: Sequence[Path],
    store: Path,
    orders: str,
    label_level: Path,
    references: Path,
    output: Path,
    run: Mapping[str, Any],
) -> None:
    """Write ``<run>.csv`` (bonds), ``.summary.csv``, ``.separation.csv`` and ``.orders.csv``.

    Parameters
    ----------
    named
        The run's table of named bonds by the stage ``bde``.
    folders
        Its decompositions, by their names.
    store, orders
        The dataset's store, and its own file if that may hold bond orders; else empty.
    label_level, references
        ``resources/label_level.csv`` and ``resources/references.hdf5``, or files like them.

    Raises
    ------
    InputError
        If the decomposition of the named bonds is not among the folders, a table is of another run,
        or bonds are of other frames than those of the store.
    """
    decomposed = {path.name: path for path in folders}
    if NAMED_BONDS not in decomposed:
        raise InputError(
            f"folders {', '.join(decomposed)} - one must be {NAMED_BONDS}, the decomposition of "
            "the named bonds. Add it."
        )
    means_file = decomposed.pop(NAMED_BONDS) / MEANS_FILE
    own = tables.read(named, columns=("bond", C.GEOMETRY, C.BOND_ENERGY), run=run)
    own = own.drop(columns=list(run), errors="ignore")
    means = tables.read(means_file, columns=(C.MOLECULE, C.BOND_ENERGY), run=run)
    bonds = split_bonds(own, read_label_level(label_level))
    source = Path(orders) if orders else None
    outputs = {
        "": bonds,
        ".summary": summary(bonds),
        ".separation": separations(means, label_energies(references)),
        ".orders": orders_table(list(decomposed.values()), store, source, run),
    }
    bond_files = [folder / BONDS_FILE for folder in decomposed.values()]
    inputs = [named, means_file, label_level, references, *bond_files]
    inputs += [store, source] if source else []
    tables.write_of_run(outputs, output, run, inputs=inputs)
