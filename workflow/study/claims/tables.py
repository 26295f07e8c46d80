"""The command ``claims``: what the paper claims, as numbers with an interval over all seeds."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from e3d import tables as files
from e3d.arrays import Floats, Masks
from e3d.fields import RELAXED
from e3d.fields import Column as C
from e3d.named_bonds.references import BDE298, DE, MEAN_BOND_ENERGY, REFERENCES
from e3d.statistics import NO, YES, verdict
from study.claims import READS
from study.claims import fields as f
from study.claims.paired import Compared, Items, difference, items, mean, rank_within_types
from study.fields import CELL
from study.label_theory.fields import LABEL_SEPARATION, SEPARATION_ERROR
from study.null.names import FITTED
from study.reactivity import fields as reactivity
from study.reactivity.guess import from_others
from study.tables import inputs_of, read_tables

Tables = Mapping[str, pd.DataFrame]
Row = dict[str, Any]
_BOND: Final = ("bond", str(C.BOND_TYPE))
_READ_OFF: Final = {YES: 1.0, NO: 0.0}


def write_table(tables: Sequence[Path], output: Path) -> None:
    """Write a row per claim and cell; ``tables`` are files, or one results folder.

    Raises
    ------
    InputError
        If a table is missing, or they are of different studies.
    """
    read = read_tables(tables, READS)
    files.write(claims(read), output, inputs=inputs_of(tables, READS))


def claims(tables: Tables) -> pd.DataFrame:
    """Return a row for every claim that a cell's tables bear on, cells in their order."""
    rows = []
    cells = pd.concat([tables[name][CELL] for name in READS]).drop_duplicates()
    for cell in cells.sort_values(CELL).itertuples(index=False):
        here = {
            name: table[(table[CELL] == list(cell)).all(axis=1)] for name, table in tables.items()
        }
        for ask in (_of_bonds, _of_barriers, _of_paths, _of_scans, _of_separations):
            rows += [{**dict(zip(CELL, cell, strict=True)), **row} for row in ask(here)]
    return pd.DataFrame(rows, columns=list(f.COLUMNS))


def _row(
    claim: str, about: str, unit: str, found: Items, compared: Compared, *, rising: bool
) -> Row:
    """Return a row; its answer is yes above zero where the claim is ``rising``, else below."""
    above, below = (YES, NO) if rising else (NO, YES)
    return {
        "n_seeds": found.n_seeds,
        f.CLAIM: claim,
        f.ABOUT: about,
        f.UNIT: unit,
        **compared.found.columns("value"),
        f.FIRST: compared.first,
        f.SECOND: compared.second,
        "n": found.n,
        "n_groups": found.n_groups,
        f.ANSWER: verdict(compared.found, above, below, needs_width=True),
    }


def _of_bonds(tables: Tables) -> Iterator[Row]:
    """Yield what D of the named bonds, at the relaxed geometry, is asked."""
    named = tables["null/named"]
    named = named[named[C.GEOMETRY] == RELAXED]
    molecules = partial(items, named, _BOND, str(C.MOLECULE))
    for other in (DE, BDE298):
        found = molecules([C.BOND_ENERGY, other.column, MEAN_BOND_ENERGY.column])
        if found.n:
            errors = [_error(found, one.column) for one in (other, MEAN_BOND_ENERGY)]
            compared = difference(found, *errors)
            yield _row(f.DISSOCIATION, other.name, "eV", found, compared, rising=False)
    for null in FITTED:
        for one in REFERENCES.values():
            found = molecules([C.BOND_ENERGY, one.column, null.column])
            if found.n:
                theirs = np.abs(found.values[null.column] - found.values[one.column])
                compared = difference(found, _error(found, one.column), theirs)
                about = f"{null.name} {one.name}"
                yield _row(f.NULL, about, "eV", found, compared, rising=False)
    found = molecules([C.BOND_ENERGY, BDE298.column])
    if found.n:
        d, known = found.values[C.BOND_ENERGY], found.values[BDE298.column][0]
        ranks = rank_within_types(found, d, known)
        yield _row(f.WITHIN_TYPES, BDE298.name, "", found, ranks, rising=True)


def _error(found: Items, reference: str) -> Floats:
    return np.abs(found.values[C.BOND_ENERGY] - found.values[reference])


def _of_barriers(tables: Tables) -> Iterator[Row]:
    """Yield whether activation energies are better than the mean of the other reactions."""
    barriers = tables["reactivity/barriers"]
    for name, part in barriers.groupby(reactivity.SET, sort=False):
        columns = [reactivity.ERROR["model"], reactivity.LABEL_EV]
        key = [reactivity.REACTION, reactivity.DIRECTION]
        found = items(part, key, reactivity.REACTION, columns)
        if found.n_groups < 2:
            continue
        ours = np.abs(found.values[reactivity.ERROR["model"]])
        guess = partial(_guess, found.values[reactivity.LABEL_EV][0], found)
        compared = difference(found, ours, guess)
        yield _row(f.BARRIERS, str(name), "eV", found, compared, rising=False)


def _guess(label: Floats, found: Items, keep: Masks) -> Floats:
    """Return the error (n,) of the mean label of the other reactions that are kept."""
    error = np.full(found.n, np.nan)
    error[keep] = np.abs(from_others(label[keep], found.group[keep]))
    return error


def _of_paths(tables: Tables) -> Iterator[Row]:
    """Yield whether D tells the changed bonds more often than the length, and where they cross."""
    changes = tables["reactivity/path_changes"]
    changes = changes[changes["n_breaking"] + changes["n_forming"] > 0]
    told = [f"read_off_{name}" for name in ("bond_energy", "length")]
    known = changes.assign(**{name: changes[name].map(_READ_OFF) for name in told})
    paths = partial(items, key=[reactivity.REACTION], group=reactivity.REACTION)
    found = paths(known, columns=told)
    if found.n:
        compared = difference(found, *(found.values[name] for name in told), share=True)
        yield _row(f.PATHS, "length", "", found, compared, rising=True)
    columns = [f"crossing_{name}" for name in ("bond_energy", "pauling", "mayer")]
    found = paths(changes, columns=columns)
    if found.n:
        d, pauling, mayer = (found.values[name] for name in columns)
        compared = difference(found, np.abs(d - mayer), np.abs(pauling - mayer))
        yield _row(f.CROSSING, "pauling", "of the path", found, compared, rising=False)


def _of_scans(tables: Tables) -> Iterator[Row]:
    """Yield where D of stretched single bonds halves; labels of other bonds are not trusted."""
    scans = tables["reactivity/scan_errors"]
    single = scans[scans[C.BOND_TYPE].astype(str).str.contains("-", regex=False)]
    ends = [reactivity.HALF_BOND_ENERGY, reactivity.HALF_LABEL_ENERGY]
    found = items(single, [reactivity.BOND], str(C.MOLECULE), ends)
    if found.n:
        gap = found.values[ends[0]] - found.values[ends[1]]
        yield _row(f.HALFWAY, "single bonds", "Å", found, mean(found, gap), rising=False)


def _of_separations(tables: Tables) -> Iterator[Row]:
    """Yield whether D says more of bond-separation energies than zero does."""
    columns = [SEPARATION_ERROR, LABEL_SEPARATION]
    found = items(tables["label_theory/separation"], [str(C.MOLECULE)], str(C.MOLECULE), columns)
    if found.n:
        errors = (np.abs(found.values[name]) for name in columns)
        yield _row(f.SEPARATION, "zero", "eV", found, difference(found, *errors), rising=False)
