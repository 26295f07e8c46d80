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
    said = whose_fault(runs.at_run(tables["label_theory/summary"], run))
    yield f"{said}." if said else f"Whether the labels are why D misses De: {NOT_THERE}."


def whose_fault(summary: pd.DataFrame) -> str:
    """Return whether D or the labels err, without a full stop; "" where no bond tells."""
    part = summary[(summary[C.GEOMETRY] == RELAXED) & (summary["reference"] == DE.name)]
    if part.empty:
        return ""
    of_labels = verdict(runs.over_seeds(part, EXCESS))
    reason = one_of(
        of_labels,
        "The labels' level of theory is not why D misses De",
        "The labels' level of theory is why D misses De",
        "Whether the labels' level of theory is why D misses De is not determined",
    )
    return (
        f"{reason}: D is {value(part, f'{REPRESENTATION}_{MAE}', ' eV')} from De at that "
        f"level, and that is {value(part, f'{LABELS}_{MAE}', ' eV')} from the literature"
    )
