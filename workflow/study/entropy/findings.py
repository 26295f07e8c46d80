"""Whether D says more of a bond's type than the bond's length does."""

from collections.abc import Iterable

import pandas as pd

from e3d.fields import Column as C
from e3d.statistics import verdict
from study import runs
from study.entropy import fields
from study.findings.wording import (
    NOT_THERE,
    Run,
    Tables,
    called,
    number,
    one_of,
    test_sets,
)


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield a sentence for each set of test frames."""
    shares = runs.at_run(tables["entropy/decomposability"], run)
    for name in test_sets(shares[C.STRUCTURES]):
        said, where = against_length(shares[shares[C.STRUCTURES] == name]), called(name)
        yield (
            f"On {where} {said}."
            if said
            else f"What D says of the type of a bond, on {where}: {NOT_THERE}."
        )


def against_length(shares: pd.DataFrame) -> str:
    """Return what D and the length say of a bond's type, without a full stop; "" where unknown."""
    parts = [
        shares[shares[fields.MEASURE] == measure]
        for measure in (fields.TYPE_BEYOND_R, fields.TYPE_BY_SCALED_D, fields.TYPE_BY_R)
    ]
    if any(part[fields.FRACTION_KNN].isna().all() for part in parts):
        return ""
    gap, of_d, of_length = (runs.over_seeds(part, fields.FRACTION_KNN) for part in parts)
    how = one_of(
        verdict(gap),
        "says more of the type of a bond than its length does",
        "says less of the type of a bond than its length does",
        "is not shown to say more or less of the type of a bond than its length does",
    )
    return (
        f"D {how} (share of the type's entropy {of_d.mean:.2f} and "
        f"{of_length.mean:.2f}; difference {number(gap, gap.mean)})"
    )
