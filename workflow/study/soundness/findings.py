"""Which models obey the laws that are checked, and which are left out because they do not."""

from collections.abc import Iterable

import pandas as pd

from e3d.fields import Column as C
from study.findings.wording import Run, Tables, counted, listed
from study.soundness import fields
from study.soundness.verdicts import number, reasons


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield what was checked, which models are left out and why, and which were trained again."""
    laws = tables["soundness/laws"]
    why = reasons(laws)
    yield _sound(laws[~laws[C.RUN].isin(why)], laws[C.RUN].nunique())
    for name, said in why.items():
        yield f"{name} is left out of all figures and of all other tables: {said}."
    again = laws[laws[fields.AGAIN_AT].notna()].drop_duplicates(C.RUN)
    if len(again):
        names = zip(again[C.RUN], again[fields.AGAIN_AT], strict=True)
        yield (
            "Trained a second time, since the first training diverged: "
            f"{listed(f'{name} with a learning rate of {rate:g}' for name, rate in names)}."
        )


def _sound(laws: pd.DataFrame, n_models: int) -> str:
    """Say how many models obey all laws, and how near to a limit they come."""
    n = laws[C.RUN].nunique()
    who = f"{n} of {counted(n_models, 'model')}" if n < n_models else counted(n, "model")
    checked = laws[~laws[fields.LAW].isin([fields.FINITE, fields.LEARNED])]
    share = (checked[fields.DEVIATION] / checked[fields.LIMIT]).fillna(0.0)
    rows = checked.loc[share.groupby(checked[fields.LAW], sort=False).idxmax()].to_dict("records")
    texts = [
        f"{row[fields.LAW]} {number(row, fields.DEVIATION)} (allowed {number(row, fields.LIMIT)})"
        for row in rows
    ]
    learned = (
        " Those that were trained here miss their training frames by less than zero would."
        if laws[fields.LAW].eq(fields.LEARNED).any()
        else ""
    )
    return (
        f"{who} {'obeys' if n == 1 else 'obey'} every law that was checked, on a few frames: "
        "energies and forces are numbers, edge energies add up to the total energy, forces are its "
        "slope, a molecule that is turned, mirrored, moved or renumbered gives the same, and atoms "
        f"beyond the cutoff change nothing.{learned} Largest deviations: {listed(texts)}."
    )
