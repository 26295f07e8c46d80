"""Test errors against the number of training frames, both test sets, with the fitted power laws."""

from itertools import product

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from e3d.fields import TEST_CONFORMATIONS, TEST_MOLECULES, TEST_SPLITS
from e3d.fields import Column as C
from study.fields import LABELS
from study.figures import style
from study.figures.drawing import (
    Series,
    all_series,
    draw_curve,
    is_left,
    legend_outside,
    letter,
    n_axis,
    page,
    panels,
    takeaway,
)
from study.findings.wording import number
from study.runs import at_run, over_seeds, reference
from study.scaling.fits import FORM, METRIC, OK, POWER, QUANTITY, STATUS

_METRICS = (C.FORCE_MAE,)
_ONE_COLUMN = 3  # legend entries
_TITLES = {
    TEST_CONFORMATIONS: "new conformations of training-pool molecules",
    TEST_MOLECULES: "molecules never in the training pool",
}


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw the force MAE (meV/Å) of both test sets on logarithmic axes, with sane fits."""
    errors = tables["evaluate/errors"]
    errors = errors[errors[C.GROUP_KIND] == "all"]
    fits = tables["scaling/fits"]
    series = all_series(errors)
    figure = page(len(_METRICS), 2)
    shown = list(product(_METRICS, TEST_SPLITS))
    grid = panels(figure, len(shown), len(TEST_SPLITS), wide=2, sharey="row")
    for index, (axes, (metric, test_set)) in enumerate(zip(grid, shown, strict=True)):
        part = errors[errors[C.TEST_SET] == test_set]
        laws = fits[
            (fits[C.TEST_SET] == test_set) & (fits[METRIC] == metric) & (fits[FORM] == POWER.name)
        ]
        _panel(axes, part, laws, str(metric), series)
        n_axis(axes, errors)
        letter(axes, index)
        if index < len(TEST_SPLITS):
            axes.set_title(_TITLES[test_set])
    for axes, (metric, _) in zip(grid, shown, strict=True):
        if is_left(axes):
            axes.set_ylabel(LABELS[metric])
            _leave_room(axes, len(series) if any(one.get_legend() for one in grid) else 0)
    look: style.Look = {"color": style.GREY, "linestyle": "--", "linewidth": style.STYLE.fit_line}
    law = Line2D([], [], label=r"power law $a N^{-\alpha}$", **look)
    fitted = any(axes.get_legend() for axes in grid)
    handles = [*(one.handle(linestyle="none") for one in series), *([law] if fitted else [])]
    legend_outside(figure, handles, 3)
    takeaway(figure, _said(errors))
    return figure


def _said(errors: pd.DataFrame) -> str:
    """Return in a sentence the force errors of the largest model and training set."""
    rows = at_run(errors, reference(errors))
    found = [over_seeds(rows[rows[C.TEST_SET] == name], C.FORCE_MAE) for name in TEST_SPLITS]
    known, new = (number(one, one.mean, digits=0) for one in found)
    names = dict(zip(TEST_SPLITS, (known, new), strict=True))
    return (
        f"Force error at most data: {names[TEST_CONFORMATIONS]} meV/Å in molecules of the pool, "
        f"{names[TEST_MOLECULES]} in new ones"
    )


def _panel(
    axes: Axes, part: pd.DataFrame, laws: pd.DataFrame, metric: str, series: list[Series]
) -> None:
    axes.set_yscale("log")
    handles = []
    for one in series:
        rows = one.of(part)
        draw_curve(axes, rows, metric, one, linestyle="none")
        if one.given:
            continue
        law = one.of(laws).set_index(QUANTITY)
        text = _exponent(law)
        fitted = not law.empty and (law[STATUS] == OK).all()
        if fitted and len(rows):
            n = np.geomspace(rows[C.N_TRAIN].min(), rows[C.N_TRAIN].max(), 50)
            a, alpha = (_number(law, name, "value") for name in ("a", "alpha"))
            look: style.Look = {"color": one.color, "linestyle": "--"}
            axes.plot(
                n * one.dodge, a * n**-alpha, zorder=1, linewidth=style.STYLE.fit_line, **look
            )
            handles.append(one.handle(text, "--"))
    if not handles:
        return
    columns = 1 if len(handles) <= _ONE_COLUMN else 2
    axes.legend(handles=handles, loc="upper right", ncols=columns, borderpad=0)


def _leave_room(axes: Axes, entries: int) -> None:
    """Stretch the logarithmic y axis upwards so that the legend covers nothing; plain numbers."""
    low, high = axes.get_ylim()
    rows = entries if entries <= _ONE_COLUMN else -(-entries // 2)
    taken = min(0.03 + 0.085 * rows, 0.8)  # share of the panel's height
    axes.set_ylim(low, high * (high / low) ** (taken / (1 - taken)))
    decades = np.log10(high / low)
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 2 else (1.0,)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _exponent(law: pd.DataFrame) -> str:
    """Return the exponent of a power law with its 95 % interval, or that there is none."""
    if law.empty:
        return r"$\alpha$: no fit"
    if (law[STATUS] != OK).any():
        return r"$\alpha$ not identifiable"
    value, lo, hi = (_number(law, "alpha", name) for name in ("value", "value_lo", "value_hi"))
    interval = f"[{lo:.2f}, {hi:.2f}]" if np.isfinite(lo) and np.isfinite(hi) else "(no interval)"
    return rf"$\alpha$ = {value:.2f} {interval}".replace("-", "−")


def _number(law: pd.DataFrame, parameter: str, column: str) -> float:
    return float(law[column].astype(float)[parameter])
