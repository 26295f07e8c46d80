"""What the paper claims, and what a run's tables say of it: a question, an answer, a number."""

from collections.abc import Iterable

import pandas as pd

from e3d.fields import RELAXED
from e3d.fields import Column as C
from e3d.named_bonds.references import BDE298, DE, MEAN_BOND_ENERGY, REFERENCES
from e3d.statistics import NO, UNDETERMINED, YES, Estimate, unanimous, verdict
from e3d.statistics.agreement import MAE, WITHIN
from study import runs
from study.bde.nearest import FIRST, GAP, NEARER, SECOND
from study.findings.wording import NOT_THERE, Run, Tables, counted, listed, value
from study.null.names import COARSE, NULL_MODEL
from study.reactivity import fields as reactivity


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield a sentence for each claim, about the run that is shown, over all its seeds."""
    nearest, summary, compare, barriers, paths = (
        runs.at_run(tables[f"{stage}/{name}"], run)
        for stage, name in (
            ("bde", "nearest"),
            ("bde", "summary"),
            ("null", "compare"),
            ("reactivity", "summary"),
            ("reactivity", "path_changes"),
        )
    )
    yield _dissociation(nearest[nearest[C.GEOMETRY] == RELAXED])
    yield _additivity(compare[compare[C.GEOMETRY] == RELAXED])
    yield _within_types(summary[summary[C.GEOMETRY] == RELAXED])
    yield _barriers(barriers)
    yield _paths(paths)


def _dissociation(nearest: pd.DataFrame) -> str:
    texts = []
    for other in (DE, BDE298):
        part = nearest[(nearest[FIRST] == other.name) & (nearest[SECOND] == MEAN_BOND_ENERGY.name)]
        if part.empty:
            continue
        votes = unanimous(part[NEARER])
        answer = {MEAN_BOND_ENERGY.name: NO, other.name: YES}.get(votes, UNDETERMINED)
        texts.append(f"{other.words}: {answer}, {_paired(part, GAP, 'n_bonds')}")
    return (
        "Is D the energy of breaking a bond, rather than a share of the atomisation energy? Its "
        "mean absolute error against the former less that against mean bond energies, on the same "
        f"bonds: {listed(texts) or NOT_THERE}."
    )


def _additivity(compare: pd.DataFrame) -> str:
    rows = compare[(compare[NULL_MODEL] == COARSE.name) & (compare["score"] == MAE)]
    texts = []
    for name, reference in REFERENCES.items():
        part = rows[rows["reference"] == name]
        if len(part):
            answer = unanimous(part["verdict"])
            texts.append(f"{reference.words}: {answer}, {_paired(part, 'difference', C.N)}")
    return (
        "Is D nearer to reference energies than bond additivity at the labels' level of theory? "
        "Its mean absolute error less that of additivity, on the same bonds: "
        f"{listed(texts) or NOT_THERE}."
    )


def _paired(part: pd.DataFrame, difference: str, n: str) -> str:
    return f"{value(part, difference, ' eV')} on {counted(int(part[n].max()), 'bond')}"


def _within_types(summary: pd.DataFrame) -> str:
    part = summary[(summary["reference"] == BDE298.name) & (summary["molecules"] == "all")]
    if part.empty:
        return f"Does D order bonds of one type? {NOT_THERE}."
    votes = [verdict(Estimate.read(row, WITHIN)) for row in part.to_dict("records")]
    return (
        "Does D order bonds of one type, such as C-H in different molecules? Kendall's rank "
        f"correlation with BDE298 within types: {unanimous(votes)}, {value(part, WITHIN)} on "
        f"{int(part['n_pairs_within_types'].max())} pairs of bonds."
    )


def _barriers(summary: pd.DataFrame) -> str:
    part = summary[(summary[reactivity.SET] == "unimolecular") & (summary["reactions"] == "all")]
    question = "Are activation energies right?"
    if part.empty or not part[reactivity.MAE["model"]].notna().any():
        return f"{question} {NOT_THERE}."
    return (
        f"{question} The mean absolute error on {int(part['n_reactions'].max())} unimolecular "
        f"reactions is {value(part, reactivity.MAE['model'], ' eV')}; guessing the mean of the "
        f"other reactions gives {value(part, reactivity.MAE_GUESS, ' eV', seeds=False)}."
    )


def _paths(changes: pd.DataFrame) -> str:
    known = changes[changes["n_breaking"] + changes["n_forming"] > 0]
    if known.empty:
        return f"Does D show which bonds break and form in a reaction? {NOT_THERE}."
    counts = {
        words: (known[f"read_off_{name}"] == YES).groupby(known[C.SEED]).sum()
        for name, words in (("bond_energy", "D"), ("length", "length alone"))
    }
    texts = [
        f"by {words} on {count.min()}{f' to {count.max()}' if count.max() > count.min() else ''}"
        for words, count in counts.items()
    ]
    return (
        "Does D show which bonds break and form in a reaction? On "
        f"{known[reactivity.REACTION].nunique()} reaction paths these bonds are the pairs that "
        f"change most: {', '.join(texts)}."
    )
