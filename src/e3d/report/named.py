"""D of the named bonds beside their reference energies: tables, plots and words."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

import pandas as pd

from e3d import tables
from e3d.decomposition.decomposed import load
from e3d.fields import NAMED_BONDS
from e3d.fields import Column as C
from e3d.named_bonds import BDE_FILE, ENERGIES_FILE, MOLECULES_FILE
from e3d.named_bonds.references import REFERENCES, Reference
from e3d.named_bonds.scores import summary
from e3d.named_bonds.table import named_bonds, read_references
from e3d.potential import LoadedModel
from e3d.report import charts
from e3d.report.parts import number, table_html
from e3d.report.sets import StructureSet, decompose_set
from e3d.statistics import Estimate
from e3d.statistics.agreement import BETWEEN, BIAS, MAE, WITHIN

TABLE_FILE: Final = "named_bonds.csv"
SCORES_FILE: Final = "named_bonds_scores.csv"
_WORDS: Final = {
    "bde298": "BDE298: enthalpy of breaking this one bond, at 298 K",
    "de": "De: electronic energy of the same cleavage, without vibrations",
    "mean_bond_energy": "Mean bond energy: the bond's share of the atomisation energy",
}


@dataclass(frozen=True)
class Named:
    """D of the named bonds that the model knows, and its scores, a row per reference."""

    structures: StructureSet
    bonds: pd.DataFrame
    scores: pd.DataFrame


def decompose_named(model: LoadedModel, folder: Path) -> Named:
    """Decompose the molecules of the named bonds; write both tables into ``folder``."""
    found = decompose_set(model, MOLECULES_FILE, NAMED_BONDS, folder)
    parts = load([folder / NAMED_BONDS]) if found.summary else []
    bonds = named_bonds(parts, read_references(), None)
    scores = summary(bonds)
    if len(bonds):
        inputs = [model.path, BDE_FILE, ENERGIES_FILE, MOLECULES_FILE]
        tables.write(bonds.drop(columns=C.IN_TRAINING), folder / TABLE_FILE, inputs=inputs)
        tables.write(scores.drop(columns="molecules"), folder / SCORES_FILE, inputs=inputs)
    return Named(found, bonds, scores)


def section(named: Named) -> str:
    """Return the HTML of the section."""
    n_out = len(named.structures.left_out)
    left = f"{n_out} of their molecules have elements that the model does not know. "
    if not len(named.bonds):
        return f"<p>{left}None of the named bonds is left to compare with.</p>"
    plots = [_plot(named, one) for one in REFERENCES.values()]
    kinds = named.bonds[C.BOND_TYPE].tolist()
    terms = "".join(
        f"<li>{escape(_WORDS.get(one.name, one.words))}</li>" for one in REFERENCES.values()
    )
    return (
        f"<p>D of {len(named.bonds)} bonds of small molecules, at geometries relaxed by GFN2-xTB, "
        "beside energies from experiment and theory. Equivalent bonds of a molecule are averaged. "
        f"{left if n_out else ''}The three references are different quantities; D need not equal "
        f"any of them.</p><ul>{terms}</ul>"
        f'<div class="grid-3">{"".join(plots)}</div>{charts.legend(kinds)}'
        f"<h3>Errors and orders</h3>{_scores(named.scores)}"
        '<p class="note">MAE: mean of |D − reference|. Bias: mean of D − reference. Between types: '
        "Spearman's ρ of the means of bond types. Within a type: Kendall's τ over pairs of bonds "
        "of one type, as many as the last column says. Brackets: 95 % intervals by a jackknife "
        "over molecules.</p>"
        f"<h3>Every named bond</h3>{_table(named.bonds)}"
    )


def _plot(named: Named, one: Reference) -> str:
    rows = named.bonds[named.bonds[one.column].notna()]
    if not len(rows):
        return ""
    points = [
        charts.Point(x, y, kind, name)
        for x, y, kind, name in zip(
            *(rows[name] for name in (one.column, C.BOND_ENERGY, C.BOND_TYPE, "bond")), strict=True
        )
    ]
    columns = [C.BOND_ENERGY, *(ref.column for ref in REFERENCES.values())]
    values = named.bonds[columns].to_numpy(dtype=float).ravel()
    limits = charts.limits(values[values == values])  # without NaN
    score = named.scores[named.scores["reference"] == one.name].iloc[0]
    return (
        f"<figure><h3>{escape(one.words)}</h3>{charts.parity(points, limits, one.words)}"
        f"<figcaption class='note'>MAE {_interval(score, MAE)} eV, {len(points)} bonds"
        "</figcaption></figure>"
    )


def _scores(scores: pd.DataFrame) -> str:
    head = (
        "reference",
        "bonds",
        "MAE (eV)",
        "bias (eV)",
        "between types, ρ",
        "within a type, τ",
        "pairs",
    )
    rows = [
        [
            REFERENCES[row["reference"]].words,
            str(row["n_bonds"]),
            *(_interval(row, name) for name in (MAE, BIAS, BETWEEN)),
            # one pair orders bonds with certainty, and says nothing
            _interval(row, WITHIN) if row["n_pairs_within_types"] > 1 else "–",
            str(row["n_pairs_within_types"]),
        ]
        for _, row in scores.iterrows()
    ]
    return table_html(head, rows, n_text=1)


def _interval(row: Any, name: str) -> str:
    one = Estimate.read(row, name)
    text = number(one.value, 2)
    return f"{text} [{number(one.lo, 2)}, {number(one.hi, 2)}]" if one.has_interval else text


def _table(bonds: pd.DataFrame) -> str:
    names = [one.words for one in REFERENCES.values()]
    head = ("bond", "type", "molecule", "D (eV)", *(f"{name} (eV)" for name in names))
    columns: Sequence[str] = [
        C.BOND_ENERGY, *(one.column for one in REFERENCES.values())
    ]  # fmt: skip
    rows = [
        [
            row["bond"],
            row[C.BOND_TYPE],
            row[C.MOLECULE],
            *(number(row[name], 2) for name in columns),
        ]
        for _, row in bonds.iterrows()
    ]
    return table_html(head, rows, n_text=3, sortable=True)
