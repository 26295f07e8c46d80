"""Whether D of a bond is more than chance: shuffled among the bonds of its molecule."""

from collections.abc import Iterable

import pandas as pd

from e3d.fields import RELAXED
from e3d.fields import Column as C
from e3d.named_bonds.references import BDE298
from e3d.statistics import Estimate
from e3d.statistics.agreement import MAE
from study import runs
from study.findings.wording import NOT_THERE, Run, Tables, number
from study.null.compare import BETTER, WORSE, judge
from study.null.names import IN_MOLECULES, NULL_MODEL


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield whether the reference run's D tells the bonds of a molecule apart."""
    compare = runs.at_run(tables["null/compare"], run)
    relaxed = compare[(compare[C.GEOMETRY] == RELAXED) & (compare["reference"] == BDE298.name)]
    yield _shuffled(relaxed[(relaxed[NULL_MODEL] == IN_MOLECULES.name) & (relaxed["score"] == MAE)])


def _said(part: pd.DataFrame) -> tuple[str, str]:
    """Return what is said of D beside a random null model, and the numbers that say it."""
    ours, theirs, gap = (
        runs.over_seeds(part, name) for name in ("e3d", "null_value", "difference")
    )
    # the middle 95 % of draws, averaged over the seeds
    low, high = (float(part[f"null_value_{end}"].mean()) for end in ("lo", "hi"))
    found, drawn = Estimate(gap.mean, gap.lo, gap.hi), Estimate(theirs.mean, low, high)
    numbers = f"{ours.mean:.2f} and {theirs.mean:.2f} eV; difference"
    return judge(MAE, found, ours.mean, drawn), f"{numbers} {number(gap, gap.mean, ' eV')}"


def _shuffled(part: pd.DataFrame) -> str:
    if part.empty:
        return f"D shuffled among the bonds of each molecule: {NOT_THERE}."
    said, numbers = _said(part)
    how = {
        BETTER: "D tells the bonds of a molecule apart",
        WORSE: "D takes the bonds of a molecule for each other",
    }.get(said, "D is not shown to tell the bonds of a molecule apart")
    return f"{how} (MAE against BDE298, and that of D shuffled among them: {numbers})."
