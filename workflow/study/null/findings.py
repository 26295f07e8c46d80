"""Whether D beats additivity, a pair potential, an untrained network and chance."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

import pandas as pd

from e3d.fields import RELAXED, TEST_CONFORMATIONS
from e3d.fields import Column as C
from e3d.named_bonds.references import BDE298, REFERENCES
from e3d.statistics import NO, UNDETERMINED
from e3d.statistics.agreement import BETWEEN, MAE, WITHIN
from study import runs
from study.findings.wording import NOT_THERE, Tables, called, counted, listed, test_sets, value
from study.null.compare import BETTER, LABELS, WORSE
from study.null.correlation import PEARSON, WITHIN_PEARSON
from study.null.names import (
    COARSE,
    FINE,
    FITTED,
    IN_MOLECULES,
    NULL_MODEL,
    NULL_MODELS,
    PAIR,
    NullModel,
)
from study.runs import Run

_METRICS: Final = {C.ENERGY_MAE: ("energy", " meV/atom", 1), C.FORCE_MAE: ("force", " meV/Å", 0)}


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield what null models say about the reference run's D, bond additivity first."""
    compare = runs.at_run(tables["null/compare"], run)
    relaxed = compare[compare[C.GEOMETRY] == RELAXED]
    yield (
        "Is D closer to the reference energies than bond additivity fitted to the same frames (MAE "
        f"at the relaxed geometry, on the same bonds)? {_errors(relaxed, COARSE)}."
    )
    yield f"Is it closer than {FINE.title} of the atoms? {_errors(relaxed, FINE)}."
    pair = _errors(relaxed, PAIR)
    yield f"Is it closer than {PAIR.title} fitted to the same energies and forces? {pair}."
    molecules = _errors(relaxed, IN_MOLECULES)
    yield (
        f"Is it closer than {IN_MOLECULES.title}, that is, does it distinguish the bonds of a "
        f"molecule? {molecules}."
    )
    between, within = (_ranks(relaxed, score) for score in (BETWEEN, WITHIN))
    yield f"Rank correlation with BDE298 between bond types, E3D minus null model: {between}."
    yield f"The same within bond types, where that of coarse additivity is zero: {within}."
    yield _correlations(runs.at_run(tables["null/correlations"], run))
    yield f"Test errors of E3D minus those of null models as potentials: {_potentials(compare)}."
    yield _determined(tables["null/types"], run)


def _one(table: pd.DataFrame, null: NullModel, score: str, reference: str) -> pd.DataFrame:
    rows = table[(table[NULL_MODEL] == null.name) & (table["score"] == score)]
    return rows[rows["reference"] == reference]


def _verdict(part: pd.DataFrame) -> str:
    """Count the seeds by what their paired intervals say of E3D."""
    votes = Counter(part["verdict"])
    said = [
        f"{word} in {votes[word]} of {len(part)}"
        for word in (BETTER, WORSE, UNDETERMINED)
        if votes[word]
    ]
    return f"{', '.join(said)} {'seed' if len(part) == 1 else 'seeds'}"


def _errors(relaxed: pd.DataFrame, null: NullModel) -> str:
    texts = []
    for reference in REFERENCES.values():
        part = _one(relaxed, null, MAE, reference.name)
        if part.empty:
            texts.append(f"{reference.words} {NOT_THERE}")
            continue
        ours, theirs = (runs.over_seeds(part, name).mean for name in ("e3d", "null_value"))
        bonds = counted(int(part[C.N].max()), "bond")
        texts.append(
            f"{reference.words}: {_verdict(part)}, {ours:.2f} against {theirs:.2f} eV, "
            f"difference {value(part, 'difference', ' eV')}, {bonds}"
        )
    return listed(texts)


def _ranks(relaxed: pd.DataFrame, score: str) -> str:
    """Compare rank correlations with BDE298, the reference that most bonds have."""
    texts = []
    for null in NULL_MODELS.values():
        part = _one(relaxed, null, score, BDE298.name)
        if len(part):
            texts.append(f"{null.title} {value(part, 'difference')}, {_verdict(part)}")
    return listed(texts) or NOT_THERE


def _correlations(table: pd.DataFrame) -> str:
    """Say how D goes with the bond energies of null models, whatever the reference energies."""
    here = table[table[C.STRUCTURES] == TEST_CONFORMATIONS]
    texts = []
    for null in FITTED:
        part = here[here[NULL_MODEL] == null.name]
        if len(part):
            known = part[WITHIN_PEARSON].notna().any()
            within = f", within types {value(part, WITHIN_PEARSON)}" if known else ""
            texts.append(f"{null.title} {value(part, PEARSON)}{within}")
    return (
        "Pearson's correlation of D with the bond energies of a null model, on the bonds of "
        f"{called(TEST_CONFORMATIONS)}: {listed(texts) or NOT_THERE}."
    )


def _potentials(compare: pd.DataFrame) -> str:
    texts = []
    for name in test_sets(compare.loc[compare["reference"] == LABELS, C.GEOMETRY]):
        here = compare[compare[C.GEOMETRY] == name]
        for null in FITTED:
            for metric, (label, unit, digits) in _METRICS.items():
                part = _one(here, null, metric, LABELS)
                if len(part) and (null.forces or metric == C.ENERGY_MAE):
                    difference = value(part, "difference", unit, digits=digits)
                    said = f"{label} MAE {difference}, {_verdict(part)}"
                    texts.append(f"{null.title} on {called(name)}, {said}")
    return listed(texts) or NOT_THERE


def _determined(types: pd.DataFrame, run: Run) -> str:
    dataset, _, n_train = run
    if dataset not in set(types[C.DATASET]):  # a given model stands beside the first, the largest
        dataset, n_train = types[C.DATASET].iloc[0], types[C.N_TRAIN].max()
    here = types[(types[C.DATASET] == dataset) & (types[C.N_TRAIN] == n_train)]
    texts = [
        f"{int((part['determined'] == NO).sum())} of {len(part)} of {NULL_MODELS[str(name)].title}"
        for name, part in here.groupby(C.MODEL, sort=False)
    ]
    return (
        "Bond types that the counts of bonds do not determine, so that the ridge chooses their "
        f"energies: {listed(texts)}. Additivity knows the bonds of each molecule, which E3D does "
        "not; the pair potential is fitted to the same data as E3D."
    )
