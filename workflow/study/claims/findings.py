"""What the paper claims, and what a run's tables say of it: a plain answer, and its number."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from e3d.named_bonds.references import BDE298, DE, REFERENCES
from study import runs
from study.claims import fields as f
from study.claims.consistency import require_consistent
from study.findings.wording import Run, Tables, of_row, one_of, several
from study.null.names import COARSE, FITTED, NULL_MODELS

Row = Mapping[Any, Any]
_UNIMOLECULAR: Final = "unimolecular"


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield a sentence for each claim, about the run that is shown, over all its seeds."""
    for row in said(tables, run):
        yield sentence(row)


def said(tables: Tables, run: Run) -> Iterable[Row]:
    """Yield the claims that sentences are about, in their order."""
    claims = runs.at_run(tables["claims/claims"], run)
    require_consistent(claims)
    for claim in (f.DISSOCIATION, f.NULL, f.WITHIN_TYPES, f.BARRIERS, f.PATHS, f.SEPARATION):
        for row in claims[claims[f.CLAIM] == claim].to_dict("records"):
            if row[f.ABOUT] in _shown(claim):
                yield row


def sentence(row: Row) -> str:
    """Return what a claim comes to."""
    write = {
        f.DISSOCIATION: _dissociation,
        f.NULL: _null,
        f.WITHIN_TYPES: _within_types,
        f.BARRIERS: _barriers,
        f.PATHS: _paths,
        f.SEPARATION: _separation,
    }
    return write[row[f.CLAIM]](row)


def _shown(claim: str) -> list[str]:
    """Return what of a claim is said; the table has the rest."""
    return {
        f.DISSOCIATION: [DE.name],
        f.NULL: [
            *(f"{COARSE.name} {name}" for name in REFERENCES),
            *(f"{null.name} {BDE298.name}" for null in FITTED[1:]),
        ],
        f.WITHIN_TYPES: [BDE298.name],
        f.BARRIERS: [_UNIMOLECULAR],
        f.PATHS: ["length"],
        f.SEPARATION: ["zero"],
    }[claim]


def _compared(row: Row, *, reverse: bool = False) -> str:
    """Return both errors and their difference; ``reverse``: that of the rival first."""
    errors = [row[f.FIRST], row[f.SECOND]]
    first, second = reversed(errors) if reverse else errors
    return f"(MAE {first:.2f} and {second:.2f} eV; difference {of_row(row)})"


def _dissociation(row: Row) -> str:
    breaking = several(REFERENCES[str(row[f.ABOUT])].words)
    numbers = _compared(row)
    return one_of(
        str(row[f.ANSWER]),
        f"D is the energy of breaking a bond: it is nearer to {breaking} than to mean bond "
        f"energies {numbers}.",
        f"D is a share of the atomisation energy: it is nearer to mean bond energies than to "
        f"{breaking} {_compared(row, reverse=True)}.",
        f"D is not shown to be nearer to {breaking} or to mean bond energies {numbers}.",
    )


def _null(row: Row) -> str:
    rival, words = rival_and_reference(row)
    return one_of(
        str(row[f.ANSWER]),
        f"D predicts {words} better than {rival} does {_compared(row)}.",
        f"{rival[0].upper()}{rival[1:]} predicts {words} better than D does "
        f"{_compared(row, reverse=True)}.",
        f"D is not shown to predict {words} better or worse than {rival} does {_compared(row)}.",
    )


def rival_and_reference(row: Row) -> tuple[str, str]:
    """Return what a null model and a reference energy of a claim are called."""
    null, reference = str(row[f.ABOUT]).split(" ")
    rival = "counting bonds" if null == COARSE.name else NULL_MODELS[null].title
    return rival, several(REFERENCES[reference].words)


def _within_types(row: Row) -> str:
    how = one_of(str(row[f.ANSWER]), "orders", "reverses", "is not shown to order")
    return (
        f"D {how} bonds of one type, such as C-H in different molecules, as BDE298 does "
        f"(Kendall's tau {of_row(row)}, {row['n']} bonds)."
    )


def _barriers(row: Row) -> str:
    how = one_of(
        str(row[f.ANSWER]),
        "better than by guessing",
        "worse than by guessing",
        "not shown to be better or worse than by guessing",
    )
    predicted = "is" if how.startswith("not") else "is predicted"
    return (
        f"The activation energy of {row['n_groups']} unimolecular reactions {predicted} "
        f"{how} the mean of the others {_compared(row)}."
    )


def _paths(row: Row) -> str:
    told, by_length = (f"{100 * row[name]:.0f} %" for name in (f.FIRST, f.SECOND))
    how = one_of(
        str(row[f.ANSWER]), "better than", "worse than", "not shown to be better or worse than"
    )
    return (
        f"D shows which bonds break and form on {told} of {row['n']} reaction paths, the length on "
        f"{by_length}: D is {how} the length (difference {of_row(row)})."
    )


def _separation(row: Row) -> str:
    how = one_of(
        str(row[f.ANSWER]), "better than", "worse than", "not shown to be better or worse than"
    )
    return (
        f"Bond-separation energies of {row['n']} molecules from D are {how} zero, which counting "
        f"bonds gives {_compared(row)}."
    )
