"""One run beside every null model: the comparison, D of named bonds, and correlations of D."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from e3d import tables
from e3d.fields import MEANS_FILE
from e3d.fields import Column as C
from e3d.named_bonds.table import read_references
from study.null.compare import NullEnergies, comparison
from study.null.correlation import correlations
from study.null.named import BOND, Averages, in_molecules, named_table, of_untrained
from study.null.names import FITTED


def write_tables(
    folders: Sequence[Path],
    named: Path,
    errors: Path,
    fit: Path,
    untrained: Path | None,
    bde: Path,
    bond_energies: Path,
    shuffles: int,
    run: Mapping[str, Any],
    output: Path,
) -> None:
    """Write the comparison of one run, ``.named`` (named bonds) and ``.correlations``.

    ``folders`` are the run's decompositions, ``named`` its named bonds and ``errors`` its test
    errors; the other tables of ``null fit`` lie beside ``fit``.
    """
    fits = {name: fit.with_name(f"{fit.stem}.{name}.csv") for name in ("bonds", "errors")}
    means = [folder / MEANS_FILE for folder in folders]
    columns = [*BOND, *(null.column for null in FITTED)]
    fitted = tables.read(fits["bonds"], columns=columns)[columns]
    bonds = _all_bonds(means, run).merge(fitted, on=BOND, how="left", validate="many_to_one")
    columns = [C.STRUCTURES, C.GEOMETRY, "bond", C.BOND_ENERGY]
    table = tables.read(named, columns=columns, run=run)
    averages = Averages.of(bonds, table, read_references(bde, bond_energies))
    nulls = [
        NullEnergies(null, averages.of_bonds(bonds[null.column].to_numpy(dtype=float)[None]))
        for null in FITTED
    ]
    if untrained is not None:
        networks = tables.read(untrained, columns=(*BOND, C.SEED, C.BOND_ENERGY))
        nulls.append(of_untrained(bonds, networks, averages))
    nulls.append(in_molecules(bonds, averages, shuffles))
    of_e3d = tables.read(errors, columns=(C.TEST_SET, C.GROUP_KIND), run=run)
    of_nulls = tables.read(fits["errors"], columns=(C.TEST_SET, C.GROUP_KIND, C.MODEL))
    parts = {
        "": comparison(table, nulls, shuffles, of_e3d, of_nulls),
        ".named": named_table(table, nulls),
        ".correlations": correlations(bonds),
    }
    inputs = [named, errors, *fits.values(), bde, bond_energies, *means]
    inputs += [] if untrained is None else [untrained]
    tables.write_of_run(parts, output, run, inputs=inputs, settings={"draws": shuffles})


def _all_bonds(means: Iterable[Path], run: Mapping[str, Any]) -> pd.DataFrame:
    """Return a row per bond of each molecule of all structures, with D of E3D (eV)."""
    columns = [C.MOLECULE, C.SMILES, C.I, C.J, C.BOND_TYPE, C.N, C.BOND_ENERGY]
    parts = []
    for path in means:
        part = tables.read(path, columns=columns, run=run)
        part = part.loc[part[C.SMILES].notna(), columns]
        part.insert(0, C.STRUCTURES, path.parent.name)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)
