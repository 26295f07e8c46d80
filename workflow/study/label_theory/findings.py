"""Whether D is far from the literature because of the labels or because of what D represents."""

from collections.abc import Iterable

import pandas as pd

from e3d.fields import RELAXED
from e3d.fields import Column as C
from e3d.named_bonds.references import DE
from e3d.statistics import verdict
from e3d.statistics.agreement import MAE
from study import runs
from study.findings.wording import NOT_THERE, Run, Tables, one_of, value
from study.label_theory.error_parts import EXCESS, LABELS, REPRESENTATION


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield how far D is from De of the labels, and that from the literature."""
    summary = runs.at_run(tables["label_theory/summary"], run)
    summary = summary[summary[C.GEOMETRY] == RELAXED]
    part = summary[summary["reference"] == DE.name]
    yield _parts(part) if len(part) else f"Whether the labels are the reason: {NOT_THERE}."


def _parts(part: pd.DataFrame) -> str:
    of_labels = verdict(runs.over_seeds(part, EXCESS))
    reason = one_of(
        of_labels,
        "The labels are not the reason",
        "The labels are the reason",
        "Whether the labels are the reason is not determined",
    )
    return (
        f"{reason}: D is {value(part, f'{REPRESENTATION}_{MAE}', ' eV')} from De at the labels' "
        f"level, and that is {value(part, f'{LABELS}_{MAE}', ' eV')} from the literature."
    )
