"""How much of D the data fix: seeds, variants, rigidity, and the differences that hold in all."""

from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd

from e3d.fields import Column as C
from e3d.statistics import NO, UNDETERMINED, YES, Estimate
from study import runs
from study.findings.wording import Tables, interval
from study.gauge import fields
from study.runs import Run

_SAID: Final = {
    fields.MOVES: "Larger (eV)",
    UNDETERMINED: "Undetermined (eV)",
    fields.KEEPS: "Smaller (eV)",
}
_SHOWN: Final = ("C=C - C#C", "C=C - C-C", "C-C - C#C", "H-O - C-H")


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield what seeds, variants, differences and rigidity say."""
    yield _seeds(runs.at_run(tables["gauge/seeds"], run))
    yield from _variants(tables["gauge/ablations"], run[0])
    yield from _contrasts(tables["gauge/contrasts"], run[0])
    yield from _rigidity(tables["gauge/rigidity"], tables["gauge/compare"], run[0])


def _seeds(table: pd.DataFrame) -> str:
    if table.empty:
        return "The reference run has one seed: how far D differs between seeds is not known."
    whole = table[(table["quantity"] == fields.D) & (table[C.BOND_TYPE] == "all")].iloc[0]
    others = table.set_index("quantity")[fields.SD]
    related = [
        f"{name} {others[name]:.2f} eV"
        for name in (fields.TYPE_MEAN, fields.IN_MOLECULE)
        if name in others.index
    ]
    n, sd = int(whole["n_seeds"]), Estimate.read(whole, fields.SD)
    few = "" if whole["verdict"] == fields.MEASURED else " That is too few seeds to conclude from."
    return (
        f"Over {n} seeds, whose force MAE (mean of both test sets) is "
        f"{whole['force_mae_mean']:.0f} meV/Å with an SD of {whole['force_mae_sd']:.0f}, D of a "
        f"named bond has an SD of {sd.value:.2f} eV {interval(sd)} (root mean square over "
        f"{int(whole[C.N])} bonds; {', '.join(related)}). The interval is over molecules; {n} "
        f"seeds leave the SD itself uncertain by about {100 / np.sqrt(2 * (n - 1)):.0f} %.{few}"
    )


def _variants(table: pd.DataFrame, dataset: str) -> Iterable[str]:
    table = table[table[C.DATASET] == dataset]
    table = table.sort_values(fields.RMS_CHANGE, ascending=False, kind="stable")
    for centred, words in ((False, "D"), (True, "D less its mean change")):
        part = table[table["offset_removed"].astype(bool) == centred]
        texts = []
        for word, said in _SAID.items():
            rows = part[part["verdict"] == word]
            changes = zip(rows["variant"], rows[fields.RMS_CHANGE], strict=True)
            if len(rows):
                texts.append(f"{said}: {', '.join(f'{name} {x:.2f}' for name, x in changes)}")
        if texts:
            yield (
                f"RMS change of {words} when one setting is changed, beside that by another seed, "
                f"{part[fields.SEED_RMS].median():.2f} eV. {'. '.join(texts)}."
            )


def _contrasts(table: pd.DataFrame, dataset: str) -> Iterable[str]:
    known = (table["n_seeds"] >= fields.MIN_SEEDS) & (table["n_variants"] > 0)
    part = table[(table[C.DATASET] == dataset) & known]
    for (n_train, base), cell in part.groupby([C.N_TRAIN, "base"]):
        types, bonds = (cell[cell["kind"] == kind] for kind in (fields.TYPES, fields.BONDS))
        named = zip(types["higher"], types["lower"], types[fields.DETERMINED], strict=True)
        verdicts = {f"{higher} - {lower}": str(word) for higher, lower, word in named}
        shown = ", ".join(f"{name} {verdicts[name]}" for name in _SHOWN if name in verdicts)
        right = int((bonds[fields.DETERMINED].eq(YES) & (bonds[fields.MEAN] > 0)).sum())
        yield (
            f"Does a difference of D keep its sign in every seed and variant of {base} at N = "
            f"{n_train}, and would it in a further seed, at 95 %? Between means of types, "
            f"{len(types)} differences: {_counts(types)}{f' ({shown})' if shown else ''}. Between "
            f"named bonds of one type, {len(bonds)} differences: {_counts(bonds)}; {right} of "
            "those that keep it have the sign of BDE298."
        )


def _counts(part: pd.DataFrame) -> str:
    return ", ".join(
        f"{word} {int(part[fields.DETERMINED].eq(word).sum())}" for word in (YES, NO, UNDETERMINED)
    )


def _rigidity(table: pd.DataFrame, compare: pd.DataFrame, dataset: str) -> Iterable[str]:
    table = table[table[C.DATASET] == dataset]
    if table.empty:
        return
    middle = table.groupby(["kind", fields.SIGMA2])[fields.SD].median()
    d, energy = (middle[kind].max() / middle[kind].min() for kind in (fields.BOND, fields.ENERGY))
    decades = np.log10(table[fields.SIGMA2].max() / table[fields.SIGMA2].min())
    verdicts = set(compare.loc[compare[C.DATASET] == dataset, fields.REPRODUCES])
    trust = (
        "for some regularisers it reproduces the spread over seeds"
        if YES in verdicts
        else "for none does it reproduce the spread over seeds, so it is not D's uncertainty"
        if verdicts == {NO}
        else "for some regularisers it does not reproduce the spread over seeds, for the others "
        "this is undetermined"
        if NO in verdicts
        else "whether it reproduces the spread over seeds is undetermined"
    )
    first = table.iloc[0]
    yield (
        f"Rigidity ({first[C.MODEL]}, {int(first[C.N_PARAMETERS]):,} weights, full Gauss-Newton "
        f"matrix): over {decades:.0f} decades of the regulariser the predicted SD of D changes "
        f"{d:.0f}-fold, that of a molecule's energy {energy:.0f}-fold; {trust}."
    )
