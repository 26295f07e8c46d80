"""One run beside every null model: three tables from its decomposition, its fits and the untrained networks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from e3d import tables
from e3d.fields import MEANS_FILE
from e3d.fields import Column as C
from e3d.statistics.agreement import BETWEEN, WITHIN
from study.bde.named import find_named, read_references
from study.null.compare import SHUFFLE_SEED, Null, compare_errors, compare_named
from study.null.correlation import correlations
from study.null.names import FITTED, IN_MOLECULES, IN_TYPES, UNTRAINED, column
from study.null.shuffle import expected, shuffled
from study.references import REFERENCES

Floats = NDArray[np.float64]

_BOND = (C.STRUCTURES, C.SMILES, C.I, C.J)
"""What a row of a table of bonds is about: rows of every stage are matched by these."""


@dataclass(frozen=True)
class Inputs:
    """The files one run is compared from."""

    decomposed: tuple[Path, ...]  # folders, one per set of structures
    named: Path  # named bonds, by e3d bde
    errors: Path  # by e3d evaluate
    fit: Path  # by e3d null fit, with the tables beside it
    untrained: Path | None  # by e3d null untrained
    bde: Path
    bond_energies: Path

    def beside_fit(self, name: str) -> Path:
        """Return one of the tables that were written with the fit."""
        return self.fit.with_name(f"{self.fit.stem}.{name}.csv")

    def paths(self) -> list[Path]:
        """Return all files."""
        means = [folder / MEANS_FILE for folder in self.decomposed]
        fits = [self.beside_fit(name) for name in ("bonds", "errors")]
        found = [self.named, self.errors, *fits, self.bde, self.bond_energies, *means]
        return found if self.untrained is None else [*found, self.untrained]


def run_tables(inputs: Inputs, output: Path, draws: int, run: Mapping[str, Any]) -> None:
    """Write the comparison, ``.named`` (D of E3D and of every null model) and ``.correlations`` (of D with theirs)."""
    bonds = bonds_of(
        inputs.decomposed,
        tables.read(inputs.beside_fit("bonds"), columns=(*_BOND, *map(column, FITTED))),
    )
    named = tables.read(inputs.named, columns=(C.STRUCTURES, C.GEOMETRY, "bond", C.BOND_ENERGY))
    averages = Averages.of(bonds, named, read_references(inputs.bde, inputs.bond_energies))
    nulls = [
        Null(null, averages.of_bonds(bonds[column(null)].to_numpy(dtype=float)[None]))
        for null in FITTED
    ]
    if inputs.untrained is not None:
        untrained = untrained_bonds(
            bonds, tables.read(inputs.untrained, columns=(*_BOND, C.SEED, C.BOND_ENERGY))
        )
        nulls.append(Null(UNTRAINED, averages.of_bonds(untrained), scores=(BETWEEN, WITHIN)))
    nulls.append(in_molecules(bonds, averages, draws))
    errors = tables.read(inputs.errors, columns=(C.TEST_SET, C.GROUP_KIND))
    theirs = tables.read(inputs.beside_fit("errors"), columns=(C.TEST_SET, C.GROUP_KIND, C.MODEL))
    parts = [compare_named(named, nulls, draws), compare_errors(errors, theirs)]
    outputs = {
        "": pd.concat([part for part in parts if len(part)], ignore_index=True)
        if any(map(len, parts))
        else parts[0],
        ".named": named_table(named, nulls),
        ".correlations": correlations(bonds),
    }
    for suffix, table in outputs.items():
        path = output.with_name(f"{output.stem}{suffix}.csv")
        tables.write(
            tables.with_run(table, run), path, inputs=inputs.paths(), settings={"draws": draws}
        )


def bonds_of(folders: Iterable[Path], fitted: pd.DataFrame) -> pd.DataFrame:
    """Return a row per bond of each molecule of all structures, with D of E3D and of the fitted null models."""
    parts = []
    for folder in folders:
        means = tables.read(folder / MEANS_FILE, columns=(C.MOLECULE, C.SMILES, C.BOND_ENERGY, C.N))
        means = means[means[C.SMILES].notna()]
        names = [C.STRUCTURES, C.MOLECULE, C.SMILES, C.I, C.J, C.BOND_TYPE, C.N, C.BOND_ENERGY]
        parts.append(means.assign(**{C.STRUCTURES: folder.name})[names])
    return pd.concat(parts, ignore_index=True).merge(
        fitted[[*_BOND, *map(column, FITTED)]], on=list(_BOND), how="left", validate="many_to_one"
    )


@dataclass(frozen=True)
class Averages:
    """Named bonds as weighted means of bonds: for each named bond the rows of its bonds and their weights."""

    rows: tuple[NDArray[np.int64], ...]
    weights: tuple[Floats, ...]

    @classmethod
    def of(cls, bonds: pd.DataFrame, named: pd.DataFrame, reference: pd.DataFrame) -> "Averages":
        """Find the bonds of each row of ``named``, as ``e3d bde`` did."""
        found: dict[tuple[str, str], NDArray[np.int64]] = {}
        places: dict[Any, Any] = dict(bonds.groupby(C.STRUCTURES, sort=False).indices)
        for name, index in places.items():
            for entry, place in find_named(bonds.iloc[index], reference):
                found[str(name), str(entry["bond"])] = index[place]
        rows = [found[key] for key in zip(named[C.STRUCTURES], named["bond"], strict=True)]
        n = bonds[C.N].to_numpy(dtype=float)
        return cls(tuple(rows), tuple(n[row] / n[row].sum() for row in rows))

    def of_bonds(self, d: Floats) -> Floats:
        """Return D (K, n) of the named bonds from that of all bonds (K, B)."""
        found = [d[:, row] @ weight for row, weight in zip(self.rows, self.weights, strict=True)]
        return np.stack(found, axis=1) if found else np.empty((len(d), 0))


def untrained_bonds(bonds: pd.DataFrame, untrained: pd.DataFrame) -> Floats:
    """Return D (seeds, B) of the untrained networks on ``bonds``; NaN on structures they were not decomposed on."""
    wide = untrained.pivot_table(
        index=list(_BOND), columns=C.SEED, values=C.BOND_ENERGY, aggfunc="first"
    )
    joined = bonds[list(_BOND)].merge(wide.reset_index(), on=list(_BOND), how="left")
    return np.asarray(joined[list(wide.columns)].to_numpy(dtype=float).T)


def in_molecules(bonds: pd.DataFrame, averages: Averages, draws: int) -> Null:
    """Return D of E3D shuffled among the bonds of each molecule, and its exact mean: that of the molecule."""
    used = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *averages.rows]))
    keys = bonds.groupby([C.STRUCTURES, C.SMILES], sort=False).ngroup().to_numpy()
    some = np.flatnonzero(
        np.isin(keys, keys[used])
    )  # molecules with a named bond: others need no shuffling
    groups = np.unique(keys[some], return_inverse=True)[1]
    values = bonds[C.BOND_ENERGY].to_numpy(dtype=float)[some]
    found = []
    for drawn in (
        shuffled(values, groups, np.random.default_rng(SHUFFLE_SEED), draws),
        expected(values, groups)[None],
    ):
        d = np.full((len(drawn), len(bonds)), np.nan)
        d[:, some] = drawn
        found.append(averages.of_bonds(d))
    return Null(IN_MOLECULES, found[0], mean=found[1][0])


def named_table(named: pd.DataFrame, nulls: Sequence[Null]) -> pd.DataFrame:
    """Return the named bonds with D of E3D, the references, and D of every null model (the mean of random ones)."""
    keep = [
        C.STRUCTURES,
        C.GEOMETRY,
        "bond",
        C.BOND_TYPE,
        C.MOLECULE,
        C.IN_TRAINING,
        C.N,
        C.R,
        C.BOND_ENERGY,
    ]
    table = named[[*keep, *(one.column for one in REFERENCES.values())]].copy()
    for null in nulls:
        table[column(null.name)] = null.d.mean(axis=0) if null.mean is None else null.mean
        if null.name == UNTRAINED:
            table["untrained_sd_eV"] = null.d.std(axis=0, ddof=1) if len(null.d) > 1 else np.nan
    types = table.groupby([C.STRUCTURES, C.BOND_TYPE])[C.BOND_ENERGY]
    table[column(IN_TYPES)] = types.transform("mean") if len(table) else np.nan
    return table


def run(
    folders: Sequence[Path], output: Path, shuffles: int, run: Mapping[str, Any], **files: Path
) -> None:
    """Compare D of one run with every null model; ``files`` are those of :class:`Inputs`."""
    run_tables(Inputs(decomposed=tuple(folders), **files), output, shuffles, run)
