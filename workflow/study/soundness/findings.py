"""Which models obey the laws that are checked, and which are left out because they do not."""

from collections.abc import Iterable

import pandas as pd

from e3d.fields import Column as C
from study.findings.wording import Run, Tables
from study.soundness import fields
from study.soundness.verdicts import reasons
from study.words import counted


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
            f"{', '.join(f'{name} with a learning rate of {rate:g}' for name, rate in names)}."
        )


def _sound(laws: pd.DataFrame, n_models: int) -> str:
    """Say how many models obey all laws, and how near to a limit they come."""
    n = laws[C.RUN].nunique()
    who = f"{n} of {counted(n_models, 'model')}" if n < n_models else counted(n, "model")
    broken = laws[laws[fields.LAW] == fields.SUM_RULE][fields.DEVIATION].max()
    return (
        f"{who} {'obeys' if n == 1 else 'obey'} every law that was checked: the sum rule (within "
        f"{broken:.1e} eV), forces as slopes of the energy, symmetries and locality."
    )
