"""What D is beside null models: whether E3D beats bookkeeping, a pair potential, an untrained network and chance."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import pandas as pd

from e3d.fields import TEST_CONFORMATIONS, TEST_SPLITS
from e3d.fields import Column as C
from e3d.statistics import UNDETERMINED
from e3d.statistics.agreement import BETWEEN, MAE, WITHIN
from study import runs
from study.findings.wording import NOT_THERE, SETS, Run, Tables, listed, value
from study.null.compare import BETTER, LABELS, WORSE
from study.null.names import (
    ADDITIVITY_TYPES,
    COARSE,
    FINE,
    FITTED,
    IN_MOLECULES,
    IN_TYPES,
    NULL_MODEL,
    PAIR,
    TITLES,
    UNTRAINED,
)
from study.references import BDE298, REFERENCES

_ORDER: Final = (BETTER, WORSE, UNDETERMINED)
_UNITS: Final = {C.ENERGY_MAE: ("energy", " meV/atom", 1), C.FORCE_MAE: ("force", " meV/Å", 0)}


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield what null models say about the reference run's D, the answer about bond additivity first."""
    compare = runs.at_run(tables["null/compare"], run)
    relaxed = compare[compare[C.GEOMETRY] == "relaxed"]
    yield (
        "Is D closer to the reference energies than bond additivity fitted to the same frames (MAE at the relaxed "
        f"geometry, on the same bonds)? {_errors(relaxed, COARSE)}."
    )
    yield f"Than additivity with hybridisation-resolved types? {_errors(relaxed, FINE)}."
    yield f"Than {TITLES[PAIR]} fitted to the same energies and forces? {_errors(relaxed, PAIR)}."
    molecules = _errors(relaxed, IN_MOLECULES)
    yield f"Than {TITLES[IN_MOLECULES]}, that is, does D tell a molecule's bonds apart? {molecules}."
    between = _ranks(relaxed, BETWEEN, (COARSE, PAIR, UNTRAINED, IN_MOLECULES))
    yield f"Rank correlation with BDE298 between bond types, E3D minus null: {between}."
    within = _ranks(relaxed, WITHIN, (COARSE, FINE, PAIR, UNTRAINED, IN_MOLECULES, IN_TYPES))
    yield f"The same within bond types, where coarse additivity is zero by construction: {within}."
    yield _correlations(runs.at_run(tables["null/correlations"], run))
    yield f"As potentials, test error of E3D minus null: {_potentials(compare)}."
    yield _determined(tables["null/types"], run)


def _one(compare: pd.DataFrame, null: str, score: str, reference: str) -> pd.DataFrame:
    keep = (
        (compare[NULL_MODEL] == null)
        & (compare["score"] == score)
        & (compare["reference"] == reference)
    )
    return compare[keep]


def _verdict(part: pd.DataFrame) -> str:
    """Count the seeds by what their paired intervals say of E3D."""
    votes = Counter(part["verdict"])
    said = [f"{word} in {votes[word]} of {len(part)}" for word in _ORDER if votes[word]]
    return f"{', '.join(said)} {'seed' if len(part) == 1 else 'seeds'}"


def _errors(relaxed: pd.DataFrame, null: str) -> str:
    texts = []
    for reference in REFERENCES.values():
        label, part = reference.words, _one(relaxed, null, MAE, reference.name)
        if part.empty:
            texts.append(f"{label} {NOT_THERE}")
            continue
        ours, theirs = (runs.over_seeds(part, name).mean for name in ("e3d", "null_value"))
        difference = value(part, "difference", " eV")
        bonds = f"{int(part[C.N].max())} bonds"
        texts.append(
            f"{label}: {_verdict(part)}, {ours:.2f} against {theirs:.2f} eV, difference {difference}, {bonds}"
        )
    return listed(texts)


def _ranks(relaxed: pd.DataFrame, score: str, nulls: Sequence[str]) -> str:
    """Compare rank correlations with BDE298, the reference that most bonds have."""
    texts = []
    for null in nulls:
        part = _one(relaxed, null, score, BDE298.name)
        if len(part):
            texts.append(f"{TITLES[null]} {value(part, 'difference')}, {_verdict(part)}")
    return listed(texts) or NOT_THERE


def _correlations(table: pd.DataFrame) -> str:
    """Say how D goes with the null models' own, which is no question of reference energies."""
    texts = []
    for null in FITTED:
        part = table[(table[C.STRUCTURES] == TEST_CONFORMATIONS) & (table[NULL_MODEL] == null)]
        if len(part):
            within = (
                f", within types {value(part, 'within_types_pearson')}" if null != COARSE else ""
            )
            texts.append(f"{TITLES[null]} {value(part, 'pearson')}{within}")
    where = SETS[TEST_CONFORMATIONS]
    return f"Pearson's correlation of D with the null's bond energies, bonds of {where}: {listed(texts) or NOT_THERE}."


def _potentials(compare: pd.DataFrame) -> str:
    texts = []
    for name in TEST_SPLITS:
        for null in FITTED:
            for metric, (label, unit, digits) in _UNITS.items():
                part = _one(compare[compare[C.GEOMETRY] == name], null, str(metric), LABELS)
                if len(part) and (
                    null == PAIR or metric == C.ENERGY_MAE
                ):  # additivity has no forces
                    difference = value(part, "difference", unit, digits=digits)
                    texts.append(
                        f"{TITLES[null]} on {SETS[name]}, {label} MAE {difference}, {_verdict(part)}"
                    )
    return listed(texts) or NOT_THERE


def _determined(types: pd.DataFrame, run: Run) -> str:
    dataset, _, n_train = run
    here = types[(types[C.DATASET] == dataset) & (types[C.N_TRAIN] == n_train)]
    texts = []
    for null in ADDITIVITY_TYPES:
        part = here[here[C.MODEL] == null]
        free = int((part["determined"] == "no").sum())
        texts.append(
            f"of {len(part)} types of {TITLES[null]} {free} are not determined by the counts"
        )
    return (
        f"What the data leave open: {listed(texts)}; the ridge decides these. Additivity is told each molecule's "
        "bonds, which E3D is not; the pair potential is told what E3D is told."
    )
