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
    who = (
        f"{'The model obeys' if n == 1 else f'All {n} models obey'} every law that was checked"
        if n == n_models
        else f"{n} of {counted(n_models, 'model')} obey every law that was checked"
    )
    checked = laws[~laws[fields.LAW].isin([fields.FINITE, fields.LEARNED])]
    share = checked[fields.DEVIATION] / checked[fields.LIMIT]
    rows = checked.loc[share.groupby(checked[fields.LAW], sort=False).idxmax()].to_dict("records")
    texts = [
        f"{row[fields.LAW]} {number(row, fields.DEVIATION)} ({number(row, fields.LIMIT)} allowed)"
        for row in rows
    ]
    return (
        f"{who}: energies and forces are numbers, and edge energies and forces follow from one "
        f"energy that depends on nothing but the surroundings of an edge. Largest deviations, on "
        f"{int(checked[fields.N_FRAMES].min())} frames or more of each model: {listed(texts)}."
    )
