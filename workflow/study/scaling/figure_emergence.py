"""How close D comes to bond energies as the training set grows: six measures, a curve per model."""

from dataclasses import dataclass, replace

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.typing import LineStyleType

from e3d.fields import RELAXED, TEST_CONFORMATIONS
from e3d.fields import Column as C
from e3d.named_bonds.references import BDE298, MEAN_BOND_ENERGY
from e3d.statistics.agreement import BETWEEN, MAE, WITHIN
from study.entropy import fields as entropy
from study.fields import BONDED_SHARE, LABELS
from study.figures import style
from study.figures.drawing import (
    all_series,
    draw_curve,
    geometries,
    legend_above,
    legend_outside,
    letter,
    n_axis,
    page,
    panels,
)


@dataclass(frozen=True)
class _Measure:
    """What a curve shows: rows and column, its line style and, where a panel has several, its name.

    ``of_model`` is false for a quantity of the geometries alone, drawn once per dataset in grey.
    """

    rows: pd.DataFrame
    column: str
    name: str = ""
    linestyle: LineStyleType = "-"
    of_model: bool = True


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw errors, ranks, entropy, decomposability and bonded share against training frames."""
    summary = tables["decompose/summary"]
    series = all_series(summary)
    figure = page(2, 1)
    measured = _measures(tables)
    grid = panels(figure, len(measured), 3)
    for index, (axes, (label, measures)) in enumerate(zip(grid, measured.items(), strict=True)):
        for row, measure in enumerate(measures):
            for one in series if measure.of_model else geometries(series):
                shifted = replace(one, dodge=one.dodge * 1.08**row)
                rows = one.of(measure.rows)
                draw_curve(axes, rows, measure.column, shifted, linestyle=measure.linestyle)
        n_axis(axes, summary)
        axes.set_ylabel(label)
        letter(axes, index)
        named = [one for one in measures if one.name]
        if named:
            handles = [Line2D([], [], color=style.GREY, linestyle=one.linestyle, label=one.name)
                       for one in named]  # fmt: skip
            legend_above(axes, handles)
    legend_outside(figure, [one.handle() for one in series], 3)
    return figure


def _measures(tables: dict[str, pd.DataFrame]) -> dict[str, list[_Measure]]:
    """Return what each panel draws, by the label of its y axis."""
    bde = tables["bde/summary"]
    bde = bde[(bde[C.GEOMETRY] == RELAXED) & (bde["molecules"] == "all")]
    bde298, mean = (bde[bde["reference"] == one.name] for one in (BDE298, MEAN_BOND_ENERGY))
    spread, shares, summary = (
        tables[name][tables[name][C.STRUCTURES] == TEST_CONFORMATIONS]
        for name in ("entropy/entropy", "entropy/decomposability", "decompose/summary")
    )
    spread = spread[
        (spread[C.BOND_TYPE] == entropy.WITHIN) & (spread[entropy.QUANTITY] == entropy.SCALED_D)
    ]
    of_d, of_r = (
        shares[shares[entropy.MEASURE] == measure]
        for measure in (entropy.TYPE_BY_SCALED_D, entropy.TYPE_BY_R)
    )
    return {
        f"MAE of $D$ against\n{BDE298.label}": [_Measure(bde298, MAE)],
        f"MAE of $D$ against\n{MEAN_BOND_ENERGY.label}": [_Measure(mean, MAE)],
        f"rank correlation\nwith {BDE298.symbol}": [
            _Measure(bde298, BETWEEN, r"between types, $\rho$"),
            _Measure(bde298, WITHIN, r"within types, $\tau$", "--"),
        ],
        entropy.LABELS[entropy.ENTROPY_MM]: [_Measure(spread, entropy.ENTROPY_MM)],
        entropy.LABELS[entropy.FRACTION_MM]: [
            _Measure(of_d, entropy.FRACTION_MM, r"$D/\sigma_D$"),
            _Measure(of_r, entropy.FRACTION_MM, "distance $r$", ":", of_model=False),
        ],
        LABELS[BONDED_SHARE]: [_Measure(summary, BONDED_SHARE)],
    }
