"""Whether D of the same named bonds agrees between training sets."""

from collections.abc import Iterable
from typing import Any, Final

from e3d.statistics import YES, Estimate
from study.findings.wording import Run, Tables, number, one_of
from study.robustness.fields import BEYOND, BY_SEEDS, LINE, RATIO, RMS

_BY_SEEDS: Final = tuple(f"{BY_SEEDS}_{end}" for end in ("lo", "hi"))


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield a sentence per pair of datasets."""
    pairs = tables["robustness/pairs"]
    for row in pairs[pairs["molecules"] == "all"].to_dict("records"):
        yield f"{of_pair(row)}."


def of_pairs(rows: list[dict[Any, Any]]) -> str:
    """Return in how many pairs of datasets D differs, without a full stop."""
    differ = sum(str(row[BEYOND]) == YES for row in rows)
    return (
        f"In {differ} of {len(rows)} pairs of training sets, D of the same bonds differs by more "
        "than seeds do"
    )


def of_pair(row: dict[Any, Any]) -> str:
    """Return what a pair of datasets shows, without a full stop."""
    left = Estimate.read(row, RMS[LINE])
    # the wider of the two intervals that decide
    ratio = Estimate(*(float(row[name]) for name in (RATIO[LINE], *_BY_SEEDS)))
    how = one_of(str(row[BEYOND]), "differs", "does not differ", "is not shown to differ")
    return (
        f"D of the same {row['n_bonds']} bonds {how} between {row['dataset_a']} and "
        f"{row['dataset_b']} by more than seeds do: {number(left, left.value, ' eV')} after a "
        f"line is taken off, {number(ratio, ratio.value)} times what seeds leave"
    )
