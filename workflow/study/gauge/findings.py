"""How much of D the data fix: seeds, rigidity, variants, and which differences hold in all of them."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from e3d.fields import Column as C
from e3d.statistics import NO, UNDETERMINED, YES, Estimate
from study import runs
from study.findings.wording import Run, Tables, interval, listed
from study.gauge.contrasts import BONDS, TYPES
from study.gauge.seeds import MIN_SEEDS, MOVES

_SHOWN = ("C=C - C#C", "C=C - C-C", "C-C - C#C", "H-O - C-H")


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield what seeds, rigidity, variants and contrasts say."""
    yield _seeds(runs.at_run(tables["gauge/seeds"], run))
    yield from _variants(tables["gauge/ablations"], run[0])
    yield from _contrasts(tables["gauge/contrasts"], run)
    yield from _rigidity(tables["gauge/rigidity"], tables["gauge/compare"], run[0])


def _seeds(table: pd.DataFrame) -> str:
    if table.empty:
        return "Gauge: one seed, so nothing is known of how far D differs between seeds."
    whole = table[(table["quantity"] == "D") & (table[C.BOND_TYPE] == "all")].iloc[0]
    others = table.set_index("quantity")["sd_eV"]
    related = [
        f"{name} {others[name]:.2f} eV"
        for name in ("type mean", "contrast in molecule")
        if name in others.index
    ]
    n, sd = int(whole["n_seeds"]), Estimate.read(whole, "sd_eV")
    unknown = 100 / np.sqrt(2 * (n - 1))
    open_ = "" if whole["verdict"] == "measured" else "; too few seeds to conclude from"
    return (
        f"Gauge: over {n} seeds, whose force MAE (mean of both test sets) is {whole['force_mae_mean']:.0f} meV/Å with "
        f"SD {whole['force_mae_sd']:.0f}, D of a named bond has an SD of {sd.value:.2f} eV "
        f"{interval(sd)} (root mean square over {int(whole[C.N])} bonds; {', '.join(related)}); the "
        f"interval is over molecules, {n} seeds leave about {unknown:.0f} % of it open besides{open_}."
    )


def _variants(table: pd.DataFrame, dataset: str) -> Iterable[str]:
    table = table[table["dataset"] == dataset]
    for centred, words in ((False, "D"), (True, "D less its mean change")):
        part = table[table["offset_removed"].astype(bool) == centred]
        if part.empty:
            continue
        groups = {
            str(verdict): ", ".join(
                f"{row['variant']} {row['rms_change_eV']:.2f}" for row in rows.to_dict("records")
            )
            for verdict, rows in part.sort_values("rms_change_eV", ascending=False).groupby(
                "verdict", sort=True
            )
        }
        yield (
            f"One setting changed, RMS change of {words} in eV, beside {part['seed_rms_eV'].median():.2f} by another "
            "seed: "
            + listed(
                f"{'more than seeds' if name == MOVES else name} {text}"
                for name, text in groups.items()
            )
            + "."
        )


def _contrasts(table: pd.DataFrame, run: Run) -> Iterable[str]:
    part = table[
        (table["dataset"] == run[0]) & (table["n_seeds"] >= MIN_SEEDS) & (table["n_variants"] > 0)
    ]
    for (n_train, base), cell in part.groupby(["n_train", "base"]):
        types, bonds = (cell[cell["kind"] == kind] for kind in (TYPES, BONDS))
        verdicts = {
            f"{row['higher']} - {row['lower']}": str(row["determined"])
            for row in types.to_dict("records")
        }
        told = ", ".join(f"{name} {verdicts[name]}" for name in _SHOWN if name in verdicts)
        right = int((bonds["determined"].eq(YES) & (bonds["mean_eV"] > 0)).sum())
        yield (
            f"Does a difference of D keep its sign in every seed and variant ({base}, N = {n_train}); yes only where a "
            f"further seed would too, at 95 %? Of {len(types)} between type means: {_counts(types)}"
            f"{f' ({told})' if told else ''}. Of {len(bonds)} between named bonds of one type: {_counts(bonds)}; of "
            f"the determined ones {right} have the sign of BDE298."
        )


def _counts(part: pd.DataFrame) -> str:
    return ", ".join(
        f"{word} {int(part['determined'].eq(word).sum())}" for word in (YES, NO, UNDETERMINED)
    )


def _rigidity(table: pd.DataFrame, compare: pd.DataFrame, dataset: str) -> Iterable[str]:
    table = table[table[C.DATASET] == dataset]
    if table.empty:
        return
    middle = table.groupby(["kind", "sigma2_relative"])["sd_eV"].median()
    span = {kind: middle[kind].max() / middle[kind].min() for kind in ("bond", "energy")}
    decades = np.log10(table["sigma2_relative"].max() / table["sigma2_relative"].min())
    verdicts = set(compare.loc[compare["dataset"] == dataset, "reproduces"])
    trust = (
        "for some regularisers it reproduces the seed spread"
        if YES in verdicts
        else "for none of them it reproduces the seed spread, so it is not D's uncertainty"
        if verdicts == {NO}
        else "for some regularisers it does not reproduce the seed spread, for the others this is undetermined"
        if NO in verdicts
        else "whether it reproduces the seed spread is undetermined"
    )
    first = table.iloc[0]
    yield (
        f"Rigidity ({first[C.MODEL]}, {int(first['n_parameters']):,} weights, full Gauss-Newton matrix): over "
        f"{decades:.0f} decades of the regulariser the predicted SD of D changes "
        f"{span['bond']:.0f}-fold, that of a molecule's energy {span['energy']:.0f}-fold; {trust}."
    )
