"""Estimates come in three columns, and a verdict needs a whole interval on one side."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from e3d.fields import Column as C
from e3d.statistics import NO, UNDETERMINED, YES, Estimate, interval_columns, unanimous, verdict
from e3d.statistics.intervals import all_hold, has_width

NAN = float("nan")


@dataclass(frozen=True)
class Ends:
    """An interval of another type: it needs no value."""

    lo: float
    hi: float


def test_columns_are_the_value_and_both_ends() -> None:
    found = Estimate(1.0, 0.5, 2.5)
    assert found.columns("x_eV") == {"x_eV": 1.0, "x_eV_lo": 0.5, "x_eV_hi": 2.5}
    assert list(found.columns("x_eV")) == interval_columns("x_eV")
    assert interval_columns("a", C.BOND_ENERGY) == [
        *("a", "a_lo", "a_hi", "bond_energy_eV", "bond_energy_eV_lo", "bond_energy_eV_hi")
    ]
    assert interval_columns() == []


def test_a_row_of_a_table_gives_the_estimate_back() -> None:
    found = Estimate(1.0, 0.5, 2.5)
    table = pd.DataFrame([{"n": 3, **found.columns("x"), **Estimate(7.0).columns("y")}])
    assert Estimate.read(table.iloc[0], "x") == found
    assert Estimate.read(table.to_dict("records")[0], "x") == found
    assert not Estimate.read(table.iloc[0], "y").has_interval


def test_half_width_and_transformation() -> None:
    assert Estimate(1.0, 0.5, 2.5).half_width == 1.0
    assert Estimate.symmetric(1.0, 0.25) == Estimate(1.0, 0.75, 1.25)
    for unknown in (Estimate(1.0), Estimate.symmetric(1.0, NAN)):
        assert np.isnan([unknown.lo, unknown.hi, unknown.half_width]).all()
    assert Estimate(4.0, 1.0, 9.0).transformed(np.sqrt) == Estimate(2.0, 1.0, 3.0)


@pytest.mark.parametrize("make", [lambda lo, hi: Estimate(NAN, lo, hi), Ends])
@pytest.mark.parametrize(
    ("lo", "hi", "beside", "expected"),
    [
        (0.1, 0.3, 0.0, YES),
        (-0.3, -0.1, 0.0, NO),
        (-0.1, 0.3, 0.0, UNDETERMINED),
        (0.0, 0.3, 0.0, UNDETERMINED),  # zero is not excluded
        (-0.3, 0.0, 0.0, UNDETERMINED),
        (NAN, NAN, 0.0, UNDETERMINED),
        (1.1, 1.3, 1, YES),
        (0.1, 0.3, 1, NO),
        (1.1, 1.3, Ends(0.9, 1.0), YES),
        (1.1, 1.3, Ends(0.9, 1.2), UNDETERMINED),  # they overlap
        (1.1, 1.3, Ends(1.4, 1.5), NO),
        (1.1, 1.3, Ends(NAN, NAN), UNDETERMINED),
    ],
)
def test_a_verdict_needs_the_whole_interval_on_one_side(
    make: type[Ends], lo: float, hi: float, beside: float | Ends, expected: str
) -> None:
    assert verdict(make(lo, hi), beside=beside) == expected


def test_labels_of_a_verdict() -> None:
    four = [Ends(*ends) for ends in ((1, 2), (-2, -1), (-1, 1), (NAN, NAN))]
    said = [verdict(one, "more", "less", neither="either", unknown="no interval") for one in four]
    assert said == ["more", "less", "either", "no interval"]
    assert verdict(four[-1], neither="either") == "either", "by default, unknown is neither"


def test_an_interval_without_width_decides_only_where_it_may() -> None:
    flat, rounding = Ends(0.5, 0.5), Ends(0.5, 0.5 + 1e-15)
    assert [verdict(one) for one in (flat, rounding)] == [YES, YES]
    for one in (flat, rounding, Ends(NAN, NAN)):
        assert verdict(one, needs_width=True, unknown="flat") == "flat"
        assert not has_width(one)
    assert verdict(Ends(0.4, 0.5), needs_width=True) == YES
    assert has_width(Ends(0.4, 0.5))


def test_verdicts_are_joined() -> None:
    assert unanimous([YES, YES]) == YES
    assert unanimous(["x"]) == "x"
    assert unanimous([YES, NO]) == unanimous([]) == UNDETERMINED
    assert all_hold([YES, YES], 2) == YES
    assert all_hold([YES], 2) == all_hold([YES, UNDETERMINED], 2) == all_hold([], 2) == UNDETERMINED
    assert all_hold([NO], 2) == all_hold([UNDETERMINED, NO], 2) == NO
