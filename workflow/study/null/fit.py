"""Fit the null models to the training frames of a run, and evaluate them as the run is."""

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from ase.geometry import find_mic

from e3d import tables
from e3d.arrays import Ints
from e3d.decomposition.totals import Means
from e3d.evaluate import error_table, residuals
from e3d.fields import METRICS, NAMED_BONDS, RUN_COLUMNS, TEST_SPLITS, VALIDATION
from e3d.fields import Column as C
from e3d.keys import Vocabulary
from e3d.sources import name_of
from e3d.statistics import interval_columns
from e3d.store.reader import StoreReader
from e3d.store.splits import frames_of, read_subset
from e3d.structures import Structure, from_file, from_store, structures_of
from study.null.fitted import FittedNull, Training, Weights
from study.null.names import FITTED, NULL_MODEL, NullModel

Fitted = Mapping[NullModel, FittedNull]
_MOLECULES_PER_READ = 2_000


def write_tables(
    store: Path,
    subset: Path,
    splits: Path,
    named: Path,
    dataset: str,
    energy_weight: float,
    force_weight: float,
    r_max: float,
    output: Path,
    tests: Sequence[Path] = (),
) -> None:
    """Fit every null model to the frames of ``subset``; write four tables of all of them.

    A row per null model and test set goes to ``output``; ``.types`` has the bond energies of bond
    types, ``.errors`` the test errors, by molecule too, and ``.bonds`` D of every bond of the
    structures that runs are decomposed on.
    """
    with StoreReader(store) as reader:
        frames, hashes = read_subset(subset, reader, splits)
        validation, weights = frames_of(splits, VALIDATION), Weights(energy_weight, force_weight)
        training = Training(reader, frames, validation, weights, r_max)
        fitted = {null: _fit(null, training) for null in FITTED}
        sets = {name: frames_of(splits, name) for name in TEST_SPLITS}
        errors = [
            _errors(null, one, name, list(from_store(reader, some)))
            for null, one in fitted.items()
            for name, some in sets.items()
        ]
        bonds = [_bonds(name, from_store(reader, some), fitted) for name, some in sets.items()]
    for test in tests:
        structures = list(structures_of(test))
        name = name_of(test)
        errors += [_errors(null, one, name, structures) for null, one in fitted.items()]
        bonds.append(_bonds(name, structures, fitted))
    bonds.append(_bonds(NAMED_BONDS, from_file(named), fitted))
    types = [one.types().assign(**{NULL_MODEL: null.name}) for null, one in fitted.items()]
    parts = {
        "": _fits(fitted, pd.concat(errors)),
        ".types": pd.concat(types),
        ".errors": pd.concat(errors),
        ".bonds": pd.concat(bonds).assign(**{NULL_MODEL: "nulls"}),
    }
    for suffix, table in parts.items():
        path = output.with_name(f"{output.stem}{suffix}.csv")
        table = _with_run(table, dataset, len(frames))
        inputs = [store, splits, subset, named, *tests]
        tables.write(table, path, inputs=inputs, made_from=hashes)


def _fit(null: NullModel, training: Training) -> FittedNull:
    module, _, function = null.fit.partition(":")
    fitted: FittedNull = getattr(import_module(module), function)(training)
    return fitted


def _with_run(table: pd.DataFrame, dataset: str, n_train: int) -> pd.DataFrame:
    """Put the run columns first, with the null model for the model's size and no seed."""
    parts = []
    for name, part in table.groupby(NULL_MODEL, sort=False):
        values = (f"{dataset}/n{n_train}/{name}", dataset, n_train, name, None)
        run = {str(key): value for key, value in zip(RUN_COLUMNS, values, strict=True)}
        parts.append(tables.with_run(part.drop(columns=NULL_MODEL), run))
    return pd.concat(parts)


def _errors(
    null: NullModel, fitted: FittedNull, name: str, structures: Sequence[Structure]
) -> pd.DataFrame:
    """Return the errors on one test set, as ``e3d evaluate`` gives those of a network.

    ``frames_without`` counts the frames with a bond type or an element pair that training lacked:
    the null model has nothing for these.
    """
    known = [structure for structure in structures if fitted.knows(structure)]
    if known:
        table = error_table(*residuals(fitted, known))
        table = table[table[C.GROUP_KIND] != "element"]
    else:
        nothing = {C.GROUP_KIND: "all", C.GROUP: "all", C.N_FRAMES: 0, "n_atoms": 0}
        table = pd.DataFrame([nothing])
    table.insert(0, NULL_MODEL, null.name)
    table.insert(1, C.TEST_SET, name)
    table.insert(2, "frames_without", len(structures) - len(known))
    return table


def _fits(fitted: Fitted, errors: pd.DataFrame) -> pd.DataFrame:
    """Return a row per null model and test set: errors over all frames, and facts of the fit."""
    columns = [NULL_MODEL, C.TEST_SET, C.N_FRAMES, "frames_without", *interval_columns(*METRICS)]
    rows = errors[errors[C.GROUP_KIND] == "all"].reindex(columns=columns)
    facts = [
        {NULL_MODEL: null.name, **vars(one.facts), "information": null.information}
        for null, one in fitted.items()
    ]
    return rows.merge(pd.DataFrame(facts), on=NULL_MODEL)


def _bonds(name: str, structures: Iterable[Structure], fitted: Fitted) -> pd.DataFrame:
    """Return a row per bond of each molecule of a set: n, mean r (Å), mean D of null models (eV).

    Frames without known bonds, or whose geometry has others, are left out, as in a decomposition.
    """
    means = {null: Means() for null in fitted}
    labels = Vocabulary[tuple[str, str]]()
    usable = (one for one in structures if one.bonds and one.intact)
    while some := list(islice(usable, _MOLECULES_PER_READ)):
        _add_bonds(means, labels, some, fitted)
    *others, last = fitted
    table = means[last].table(labels.names)
    table = table.drop(columns=[C.BOND_ENERGY_SD, C.S_X, C.S_Y, C.S_Z])
    table = table.rename(columns={C.BOND_ENERGY: last.column})
    for null in others:
        table[null.column] = means[null].table(labels.names)[C.BOND_ENERGY]
    table.insert(0, C.STRUCTURES, name)
    return table


def _add_bonds(
    means: Mapping[NullModel, Means],
    labels: Vocabulary[tuple[str, str]],
    structures: Sequence[Structure],
    fitted: Fitted,
) -> None:
    """Add the bonds of structures to the sums of every null model."""
    which, bonds = _table_of(structures)
    kinds = zip(bonds[C.BOND_TYPE], bonds[C.FINE_TYPE], strict=True)
    label = np.array([labels.code(kind) for kind in kinds])
    no_shift = np.zeros(len(bonds), dtype=np.int64)
    i, j, r = (bonds[name].to_numpy() for name in (C.I, C.J, C.R))
    for null, sums in means.items():
        species = [sums.species.code((s.smiles, s.mapped_smiles or "")) for s in structures]
        columns = [np.array(species)[which], i, j, no_shift, no_shift, no_shift, label]
        sums.add(columns, fitted[null].bond_energies(bonds), r)


def _table_of(structures: Sequence[Structure]) -> tuple[Ints, pd.DataFrame]:
    """Return the structure (B,) of each bond, and its atoms, distance (Å) and types."""
    which = np.repeat(np.arange(len(structures)), [len(s.bonds or ()) for s in structures])
    bonds = [bond for structure in structures for bond in structure.bonds or ()]
    i, j = np.array([(bond.i, bond.j) for bond in bonds], dtype=np.int64).T
    start = np.cumsum([0, *(len(s.atomic_numbers) for s in structures)])[which]
    positions = np.concatenate([structure.positions for structure in structures])
    z = np.concatenate([structure.atomic_numbers for structure in structures])
    vector = positions[start + j] - positions[start + i]
    for k, structure in enumerate(structures):
        if structure.cell is not None:
            here = which == k
            vector[here] = find_mic(vector[here], structure.cell, structure.pbc)[0]
    table = {
        C.I: i,
        C.J: j,
        C.Z_I: z[start + i],
        C.Z_J: z[start + j],
        C.R: np.linalg.norm(vector, axis=1),
        C.BOND_TYPE: [bond.bond_type for bond in bonds],
        C.FINE_TYPE: [bond.fine_type for bond in bonds],
    }
    return which, pd.DataFrame(table)
