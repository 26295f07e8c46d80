"""What D of the reference run is: errors, order of bonds, distance from the reference energies, scaling.

Numbers are those of the reference run of each dataset (largest training set, largest model), as the
mean over its seeds. Square brackets hold the widest 95 % interval: from the smallest lower to the
largest upper end over the seeds. The lowest and highest seed follow.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import pandas as pd

from e3d.fields import TEST_CONFORMATIONS, TEST_SPLITS
from e3d.fields import Column as C
from e3d.statistics import NO, UNDETERMINED, YES, Estimate, verdict
from e3d.statistics.agreement import BETWEEN, WITHIN
from e3d.statistics.intervals import Interval, all_hold
from e3d.units import EV_KCAL_MOL
from study import runs
from study.fields import NAMED_BONDS, REFERENCE_NAMES
from study.findings.wording import SETS, Run, Tables, interval, value
from study.robustness.tables import STEPS

_OPEN: Final = ", zero not excluded"


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield what the reference run's D is, a sentence or two each."""
    yield _which(tables, run)
    yield _test_errors(runs.at_run(tables["evaluate/errors"], run))
    yield _order(runs.at_run(tables["bde/order"], run))
    relaxed = runs.at_run(tables["bde/summary"], run)
    relaxed = relaxed[relaxed[C.GEOMETRY] == "relaxed"]
    yield _errors_of_d(relaxed)
    yield _errors_by_training(relaxed)
    yield _ranks(relaxed[relaxed["molecules"] == "all"])
    yield _decomposability(runs.at_run(tables["entropy/decomposability"], run))
    yield _bonded_share(runs.at_run(tables["decompose/summary"], run))
    yield _scaling(tables["scaling/fits"], run[0], runs.sized_models(tables["decompose/summary"]))
    yield _sum_rule(tables["decompose/summary"])


def _which(tables: Tables, run: Run) -> str:
    part = runs.at_run(tables["decompose/summary"], run)
    seeds = part[C.SEED].nunique()
    dataset, model, n_train = run
    return (
        f"Run: {dataset}, {n_train:,} training frames, model {model} ({int(part[C.N_PARAMETERS].max()):,} "
        f"parameters), {seeds} seed{'' if seeds == 1 else 's'}. Numbers are means over the seeds; square brackets "
        "hold the widest 95 % interval of any seed; intervals are jackknives over molecules, not clipped, except "
        "those of scaling exponents, which come from the fit."
    )


def _test_errors(errors: pd.DataFrame) -> str:
    errors = errors[errors["group_kind"] == "all"]
    texts = []
    for name in TEST_SPLITS:
        part = errors[errors["test_set"] == name]
        force = value(part, C.FORCE_MAE, " meV/Å", digits=0)
        energy = value(part, C.ENERGY_MAE, " meV/atom", digits=1)
        texts.append(f"on {SETS[name]} force MAE {force}, energy MAE {energy}")
    return f"Test errors: {'; '.join(texts)}."


def _order(order: pd.DataFrame) -> str:
    texts = []
    for name in ("test-all", NAMED_BONDS):
        part = order[order[C.STRUCTURES] == name]
        steps = [_step(part, lower, higher) for lower, higher in STEPS]
        gaps = [
            f"{higher} minus {lower} {value(rows, 'difference_eV', ' eV')}{_molecules(rows)}"
            for (lower, higher), rows in zip(STEPS, steps, strict=True)
        ]
        texts.append(
            f"On {SETS[name]}: {_verdict(steps, sorted(order[C.SEED].unique()))}; {', '.join(gaps)}"
        )
    return (
        f"Does C-C < C=C < C#C hold in mean D, by the intervals of both steps? {'. '.join(texts)}."
    )


def _molecules(rows: pd.DataFrame) -> str:
    """Say from how many molecules the two types of a step were taken."""
    if rows.empty:
        return ""
    return f" from {int(rows['n_molecules_higher'].max())} and {int(rows['n_molecules_lower'].max())} molecules"


def _step(part: pd.DataFrame, lower: str, higher: str) -> pd.DataFrame:
    return part[(part["lower"] == lower) & (part["higher"] == higher)]


def _verdict(steps: list[pd.DataFrame], seeds: Sequence[int]) -> str:
    """Count the seeds for which both steps hold, one is reversed, or the intervals leave it open."""
    holds = pd.concat(steps)
    of_seeds = [holds.loc[holds[C.SEED] == seed, "holds"] for seed in seeds]
    votes = Counter(all_hold(labels, len(steps)) for labels in of_seeds)
    words = [word for word in (YES, NO, UNDETERMINED) if votes[word]]
    counted = [f"{word} in {votes[word]} of {len(seeds)}" for word in words]
    return f"{', '.join(counted) or 'undetermined in all'} {'seed' if len(seeds) == 1 else 'seeds'}"


def _errors_of_d(relaxed: pd.DataFrame) -> str:
    texts = []
    for name, label in REFERENCE_NAMES.items():
        part = relaxed[(relaxed["reference"] == name) & (relaxed["molecules"] == "all")]
        columns = [name for name in part.columns if name.startswith("mae_eV")]
        in_kcal = part.assign(**{name: part[name] * EV_KCAL_MOL for name in columns})
        kcal = value(in_kcal, "mae_eV", " kcal/mol", digits=1, seeds=False)
        texts.append(f"{label} {value(part, 'mae_eV', ' eV')}, that is {kcal}{_bonds(part)}")
    return f"MAE of D at the relaxed geometry: against {'; against '.join(texts)}."


def _errors_by_training(relaxed: pd.DataFrame) -> str:
    texts = []
    for name, label in REFERENCE_NAMES.items():
        groups = []
        for group, words in (
            ("in_training", "in training"),
            ("not_in_training", "not in training"),
        ):
            part = relaxed[(relaxed["reference"] == name) & (relaxed["molecules"] == group)]
            groups.append(f"{words} {value(part, 'mae_eV', ' eV')}{_bonds(part)}")
        texts.append(f"{label}: {', '.join(groups)}")
    return f"The same MAE by whether the molecule was in training: {'; '.join(texts)}."


def _bonds(part: pd.DataFrame) -> str:
    return f", {int(part['n_bonds'].max())} bonds" if len(part) else ""


def _ranks(relaxed: pd.DataFrame) -> str:
    between, within = [], []
    for name, label in REFERENCE_NAMES.items():
        part = relaxed[relaxed["reference"] == name]
        between.append(f"{label} {value(part, BETWEEN)}")
        pairs = int(part["n_pairs_within_types"].max()) if len(part) else 0
        s = runs.over_seeds(part, WITHIN)
        known = s.has_interval and pairs > 1
        text = value(part, WITHIN) if known else UNDETERMINED
        within.append(
            f"{label} {text}, {pairs} pair{'' if pairs == 1 else 's'}{_zero(s) if known else ''}"
        )
    return (
        f"Rank correlation of D between bond types (Spearman): {', '.join(between)}. "
        f"Within bond types (Kendall): {', '.join(within)}."
    )


def _zero(interval: Interval) -> str:
    """Say that an interval holds zero, where it does."""
    return verdict(interval, "", "", neither=_OPEN, unknown="")


def _decomposability(told: pd.DataFrame) -> str:
    told = told[told[C.STRUCTURES] == TEST_CONFORMATIONS]

    def of(measure: str) -> pd.DataFrame:
        return told[told["measure"] == measure]

    d, r = of("I(D/sd; type)"), of("I(r; type)")
    return (
        f"Decomposability, the share of the bond type's entropy that D/sd tells: {value(d, 'fraction_mm')}; the bond "
        f"length alone tells {value(r, 'fraction_mm')}: {_compare(d, r)}. Of the bond order once the elements are "
        f"known, D tells {value(of('I(D; order | elements)'), 'fraction_mm')} and the bond length "
        f"{value(of('I(r; order | elements)'), 'fraction_mm')}."
    )


def _compare(d: pd.DataFrame, r: pd.DataFrame) -> str:
    """Say whether D tells more than r, only where the intervals are apart."""
    if d.empty or r.empty:
        return "not to be compared"
    first, second = runs.over_seeds(d, "fraction_mm"), runs.over_seeds(r, "fraction_mm")
    return verdict(
        first,
        "D tells more",
        "D tells less",
        beside=second,
        neither="undetermined, the intervals overlap",
        unknown="undetermined, an interval is missing",
    )


def _bonded_share(summary: pd.DataFrame) -> str:
    texts = [
        f"{SETS[name]} {value(summary[summary[C.STRUCTURES] == name], 'bonded_share', digits=3)}"
        for name in (*TEST_SPLITS, NAMED_BONDS)
    ]
    return f"Bonded share of the sum of D (1 if all of it sits on bonds): {'; '.join(texts)}."


def _scaling(fits: pd.DataFrame, dataset: str, models: Iterable[str]) -> str:
    laws = fits[
        (fits[C.DATASET] == dataset) & (fits["metric"] == C.FORCE_MAE) & (fits["form"] == "power")
    ]
    texts = []
    for name in TEST_SPLITS:
        part = laws[laws["test_set"] == name]
        exponents = [f"{model} {_exponent(part[part[C.MODEL] == model])}" for model in models]
        texts.append(f"on {SETS[name]} {', '.join(exponents)}")
    return (
        f"Scaling exponent of the force MAE with training frames (power law): {'; '.join(texts)}."
    )


def _exponent(law: pd.DataFrame) -> str:
    if law.empty:
        return "not in the tables"
    if (law["status"] != "ok").any():
        return str(law["status"].iloc[0])
    row = law[law["parameter"] == "alpha"].iloc[0]
    alpha = Estimate.read(row, "value")
    seeds = (
        f" (seeds {row['seed_min']:.2f} to {row['seed_max']:.2f})"
        if row["n_seeds"] > 1
        else " (one seed)"
    )
    return f"{alpha.value:.2f} {interval(alpha)}{seeds}{_zero(alpha)}"


def _sum_rule(summary: pd.DataFrame) -> str:
    runs = summary[C.RUN].nunique()
    return (
        "Sum rule: shifts plus edge energies differ from the model's own total by at most "
        f"{summary['sum_rule_max_abs_eV'].max():.1e} eV over {int(summary['frames'].sum()):,} decomposed frames "
        f"in {runs} run{'' if runs == 1 else 's'}."
    )
