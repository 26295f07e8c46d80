"""The ``bde`` stage: bond energies D against BDE298, De and mean bond energies, never mixed up.

Three tables per run: bond types (``<run>.csv``), named bonds (``<run>.named.csv``), and the summary
of errors and rank correlations (``<run>.summary.csv``), plus the order of single, double and triple
bonds (``<run>.order.csv``). Every row says at which geometry D was taken and, where it names a
molecule, whether that molecule was in training.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rdkit import Chem

from e3d import tables
from e3d.chemistry import equivalent_bonds, flat, flat_smiles, parse
from e3d.decomposition.decomposed import Decomposed, load
from e3d.fields import BONDS_FILE, TEST_SPLITS
from e3d.fields import Column as C
from e3d.options import own_run
from e3d.statistics import (
    deletions,
    estimate,
    group_mean,
    interval_columns,
    jackknife,
    jackknife_groups,
    t_quantile,
    verdict,
)
from e3d.statistics.agreement import SCORES, n_pairs, scores
from e3d.statistics.variance import welch_dof
from e3d.units import EV_KCAL_MOL
from study.fields import NAMED_BONDS, REFERENCE_NAMES

REFERENCES = tuple(REFERENCE_NAMES)
MODE_BIN_EV = 0.05
TEST_ALL = "test-all"
"""Both test sets together: for the order of bond types, where molecules are few."""
SERIES = (("C", "C"), ("C", "N"), ("C", "O"), ("N", "N"))
_SIGNS = "-=#"
_REFERENCE, _GROUPS = "reference", "molecules"
_ORDER_COLUMNS = (
    C.STRUCTURES,
    "lower",
    "higher",
    "n_molecules_lower",
    "n_molecules_higher",
    "lower_bond_energy_eV",
    "higher_bond_energy_eV",
    *interval_columns("difference_eV"),
    "holds",
)
_SUMMARY_COLUMNS = (
    C.GEOMETRY,
    _REFERENCE,
    _GROUPS,
    "n_bonds",
    "n_types",
    "n_pairs_within_types",
    *interval_columns(*SCORES),
)
_TYPE_COLUMNS = (
    C.STRUCTURES,
    C.GEOMETRY,
    C.BOND_TYPE,
    C.N,
    C.N_MOLECULES,
    *interval_columns(C.BOND_ENERGY),
    *(f"bond_energy_{name}_eV" for name in ("median", "mode", "sd", "se")),
    *(
        column
        for name in REFERENCES
        for column in (
            f"n_{name}",
            f"{name}_kcal_mol",
            f"{name}_bond_energy_eV",
            f"{name}_error_eV",
        )
    ),
)
_NAMED_COLUMNS = (
    *(
        C.STRUCTURES,
        C.GEOMETRY,
        "bond",
        C.BOND_TYPE,
        C.MOLECULE,
        C.IN_TRAINING,
        C.N,
        C.R,
        C.BOND_ENERGY,
    ),
    *(f"{name}_{kind}" for name in REFERENCES for kind in ("eV", "error_eV")),
)


def _names(columns: Sequence[str]) -> list[str]:
    """Return the columns of a table as text: also a table without rows has them."""
    return [str(name) for name in columns]


def references(bde: Path, bond_energies: Path) -> pd.DataFrame:
    """Join the reference tables: one row per named closed-shell bond, energies in eV.

    ``<reference>_eV`` columns are NaN where a bond has no such value.
    """
    named = tables.read(bde, columns=("bond", "smiles", "multiplicity", "bde298_kcal_mol"))
    named = named[named["multiplicity"] == 1]
    other = tables.read(bond_energies, columns=("bond", "de_kcal_mol", "mean_bond_energy_kcal_mol"))
    joined = named.merge(
        other[["bond", "de_kcal_mol", "mean_bond_energy_kcal_mol"]], on="bond", how="left"
    )
    columns = {"bond": joined["bond"], "named_smiles": joined["smiles"]}
    columns |= {f"{name}_eV": joined[f"{name}_kcal_mol"] / EV_KCAL_MOL for name in REFERENCES}
    table = pd.DataFrame(columns)
    table["canonical"] = [flat_smiles(Chem.AddHs(parse(s))) for s in table["named_smiles"]]
    return table


def named_bonds(
    parts: Sequence[Decomposed], reference: pd.DataFrame, trained_on: set[str] | None
) -> pd.DataFrame:
    """Return one row per named bond and set of structures that holds its molecule.

    D is the mean over the bonds equivalent to the named one and over the frames of the molecule.
    ``trained_on`` holds the SMILES, without stereochemistry, of the run's training molecules; None, when they are
    not known, leaves ``in_training`` blank.
    """
    rows = []
    for part in parts:
        for entry, index in find_named(part.means, reference):
            chosen = part.means.iloc[index]
            weights = chosen[C.N].to_numpy(dtype=float)
            d = float(np.average(chosen[C.BOND_ENERGY], weights=weights))
            row = {
                C.STRUCTURES: part.structures,
                C.GEOMETRY: geometry(part.structures),
                "bond": entry["bond"],
                C.BOND_TYPE: chosen[C.BOND_TYPE].iloc[0],
                C.MOLECULE: entry["canonical"],
                C.IN_TRAINING: None if trained_on is None else entry["canonical"] in trained_on,
                C.N: int(weights.sum()),
                C.R: float(np.average(chosen[C.R], weights=weights)),
                C.BOND_ENERGY: d,
            }
            for name in REFERENCES:
                row[f"{name}_eV"] = entry[f"{name}_eV"]
                row[f"{name}_error_eV"] = d - entry[f"{name}_eV"]
            rows.append(row)
    return pd.DataFrame(rows, columns=_names(_NAMED_COLUMNS))


def find_named(
    means: pd.DataFrame, reference: pd.DataFrame
) -> Iterator[tuple[dict[str, Any], NDArray[np.int64]]]:
    """Yield each named bond whose molecule is in ``means``, and the positions there of the bonds equivalent to it.

    ``means`` has a row per bond of each molecule. A bond longer than the model's cutoff has no row.
    """
    rows: dict[Any, Any] = dict(means.groupby(means[C.MOLECULE].map(flat)).indices)
    for entry in reference.to_dict("records"):
        place = rows.get(entry["canonical"])
        if place is None:
            continue
        ends = zip(*(means[name].iloc[place] for name in (C.SMILES, C.I, C.J)), strict=True)
        named = [(i, j) in equivalent_bonds(entry["named_smiles"], smiles) for smiles, i, j in ends]
        if any(named):
            yield {str(key): value for key, value in entry.items()}, place[named]


def geometry(structures: str) -> str:
    """Say at which geometry D was taken: the relaxed molecule, or a thermal mean over frames."""
    return "relaxed" if structures == NAMED_BONDS else "thermal"


def bond_types(parts: Sequence[Decomposed], named: pd.DataFrame) -> pd.DataFrame:
    """Return one row per bond type and set of structures.

    Statistics of D over all its bonds, then, for each reference energy, the mean over the named
    bonds that have it, D over the same named bonds, and their difference.
    """
    rows = []
    for part in parts:
        here = named[named[C.STRUCTURES] == part.structures]
        for kind, bonds in part.bonds.groupby(C.BOND_TYPE):
            row: dict[str, Any] = {
                C.STRUCTURES: part.structures,
                C.GEOMETRY: geometry(part.structures),
                C.BOND_TYPE: kind,
                **_distribution(bonds),
            }
            same = here[here[C.BOND_TYPE] == kind]
            for name in REFERENCES:
                row |= _against(same, name)
            rows.append(row)
    return pd.DataFrame(rows, columns=_names(_TYPE_COLUMNS))


def _distribution(bonds: pd.DataFrame) -> dict[str, Any]:
    d = bonds[C.BOND_ENERGY].to_numpy(dtype=float)
    molecules = np.unique(bonds[C.MOLECULE], return_inverse=True)[1]
    mean, n_molecules = group_mean(d, molecules), int(molecules.max()) + 1
    bins, counts = np.unique(np.floor(d / MODE_BIN_EV), return_counts=True)
    sd = float(np.std(d, ddof=1)) if len(d) > 1 else np.nan
    return {
        C.N: len(d),
        C.N_MOLECULES: n_molecules,
        **mean.columns(C.BOND_ENERGY),
        "bond_energy_median_eV": float(np.median(d)),
        "bond_energy_mode_eV": float((bins[counts.argmax()] + 0.5) * MODE_BIN_EV),
        "bond_energy_sd_eV": sd,
        "bond_energy_se_eV": mean.half_width / t_quantile(max(n_molecules - 1, 1)),
    }


def _against(same: pd.DataFrame, name: str) -> dict[str, Any]:
    known = same[same[f"{name}_eV"].notna()]
    empty = known.empty
    return {
        f"n_{name}": len(known),
        f"{name}_kcal_mol": np.nan if empty else known[f"{name}_eV"].mean() * EV_KCAL_MOL,
        f"{name}_bond_energy_eV": np.nan if empty else known[C.BOND_ENERGY].mean(),
        f"{name}_error_eV": np.nan if empty else known[f"{name}_error_eV"].mean(),
    }


def summary(named: pd.DataFrame) -> pd.DataFrame:
    """Return errors and rank correlations of D against each reference energy.

    Rows: geometry x reference x (all, in_training, not_in_training). ``mae``, ``bias`` are over
    named bonds, ``types_mae`` over bond types; ``between_types`` is Spearman's rho of type means,
    ``within_types`` Kendall's tau over pairs of one type. Intervals: jackknife over molecules.
    """
    rows = []
    for place in ("relaxed", "thermal"):
        for name in REFERENCES:
            for group in ("all", "in_training", "not_in_training"):
                part = named[(named[C.GEOMETRY] == place) & named[f"{name}_eV"].notna()]
                if group != "all":
                    part = part[part[C.IN_TRAINING] == (group == "in_training")]
                if len(part):
                    rows.append(
                        {C.GEOMETRY: place, _REFERENCE: name, _GROUPS: group, **_scores(part, name)}
                    )
    return pd.DataFrame(rows, columns=_names(_SUMMARY_COLUMNS))


def _scores(part: pd.DataFrame, name: str) -> dict[str, Any]:
    d, ref = (part[column].to_numpy(dtype=float) for column in (C.BOND_ENERGY, f"{name}_eV"))
    kinds = part[C.BOND_TYPE].to_numpy(dtype=object)
    groups = np.unique(part[C.MOLECULE], return_inverse=True)[1]
    row: dict[str, Any] = {
        "n_bonds": len(part),
        "n_types": len(set(kinds)),
        "n_pairs_within_types": n_pairs(kinds),
    }
    for label, replicates in scores(d[None], ref, kinds, deletions(groups)).items():
        row |= estimate(replicates[0]).columns(label)
    return row


def order(parts: Sequence[Decomposed]) -> pd.DataFrame:
    """Say for each element pair whether D rises from single to double to triple bonds.

    ``difference_eV`` is the higher order's mean D minus the lower's, with a jackknife interval over
    molecules and Welch's degrees of freedom (a type of two molecules has one). ``holds`` is
    ``yes`` or ``no`` only where the interval excludes zero, else ``undetermined``.
    """
    rows = []
    thermal = [part.bonds for part in parts if part.structures in TEST_SPLITS]
    sources = {part.structures: part.bonds for part in parts}
    if len(thermal) > 1:
        sources[TEST_ALL] = pd.concat(thermal, ignore_index=True)
    for name, bonds in sources.items():
        for first, second in SERIES:
            kinds = [f"{first}{sign}{second}" for sign in _SIGNS]
            for lower, higher in itertools.pairwise(kinds):
                pair = bonds[bonds[C.BOND_TYPE].isin([lower, higher])]
                if pair[C.BOND_TYPE].nunique() == 2:
                    rows.append({C.STRUCTURES: name, **_difference(pair, lower, higher)})
    return pd.DataFrame(rows, columns=_names(_ORDER_COLUMNS))


def _rarer_first(groups: NDArray[np.int64], up: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Renumber molecules so that those of the rarer type come first.

    Dealt into a hundred jackknife groups, two molecules that alone hold a type then never share one.
    """
    rarer = min(set(groups[up]), set(groups[~up]), key=len)
    later = ~np.isin(np.arange(groups.max() + 1), list(rarer))
    return np.argsort(np.argsort(later, kind="stable"))[groups]


def _difference(pair: pd.DataFrame, lower: str, higher: str) -> dict[str, Any]:
    d = pair[C.BOND_ENERGY].to_numpy(dtype=float)
    up = (pair[C.BOND_TYPE] == higher).to_numpy()
    groups = _rarer_first(np.unique(pair[C.MOLECULE], return_inverse=True)[1], up)
    n = {kind: len(set(groups[up == flag])) for kind, flag in ((lower, False), (higher, True))}

    def gap(keep: NDArray[np.bool_]) -> float:
        high, low = d[keep & up], d[keep & ~up]
        return float(high.mean() - low.mean()) if len(high) and len(low) else np.nan

    spread = [group_mean(d[up == flag], groups[up == flag]) for flag in (False, True)]
    variances = [
        (e.half_width / t_quantile(max(m - 1, 1))) ** 2
        for e, m in zip(spread, n.values(), strict=True)
    ]
    dof = welch_dof(variances, list(n.values()))
    difference = jackknife(gap, jackknife_groups(groups), dof=dof)
    return {
        "lower": lower,
        "higher": higher,
        "n_molecules_lower": n[lower],
        "n_molecules_higher": n[higher],
        "lower_bond_energy_eV": float(d[~up].mean()),
        "higher_bond_energy_eV": float(d[up].mean()),
        **difference.columns("difference_eV"),
        "holds": verdict(difference),
    }


def _molecules(smiles: Iterable[str]) -> set[str]:
    """Return the SMILES without stereochemistry and, of clusters, those of their components."""
    return {name for text in map(flat, set(smiles)) for name in (text, *text.split("."))}


def write_tables(
    folders: Sequence[Path],
    bde: Path,
    bond_energies: Path,
    subset: Path | None,
    output: Path,
    run: Mapping[str, Any] | None,
) -> None:
    """Write the four tables of one run; ``subset`` is its table of training frames, if known."""
    parts = load(folders)
    trained_on = (
        None if subset is None else _molecules(tables.read(subset, columns=(C.SMILES,))[C.SMILES])
    )
    named = named_bonds(parts, references(bde, bond_energies), trained_on)
    outputs = {
        "": bond_types(parts, named),
        ".named": named,
        ".summary": summary(named),
        ".order": order(parts),
    }
    inputs = [bde, bond_energies, *(folder / BONDS_FILE for folder in folders)]
    tables.write_of_run(outputs, output, run or own_run(folders[0]), inputs=inputs)
