"""Entropy of the energies on bonds and what they tell, in bins and without, against N, bin width and sample size."""

from dataclasses import replace

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.typing import LineStyleType

from e3d.fields import TEST_CONFORMATIONS
from e3d.fields import Column as C
from study.fields import LABELS
from study.figures import style
from study.figures.drawing import (
    Series,
    all_series,
    draw_curve,
    legend_above,
    legend_outside,
    letter,
    n_axis,
    name_run,
    page,
    panels,
)
from study.runs import at_run, reference

WITHIN = "within types"
_H = "differential_{}_nats"
_ESTIMATORS: dict[str, tuple[str, str, LineStyleType]] = {
    "plug-in": (style.ORANGE, "v", ":"),
    "Miller-Madow": (style.BLUE, "o", "-"),
    "nearest neighbours": (style.BLACK, "s", "--"),
}
_QUANTITIES = {
    "D": ("$D$", style.BLUE, "o"),
    "eps": (r"$\epsilon$", style.VERMILION, "s"),
    "A": ("$A$", style.GREEN, "^"),
    "D non-bonded": ("$D$, not bonded", style.GREY, "D"),
}
_BOTH: tuple[tuple[str, str, LineStyleType], ...] = (
    ("mm", "bins", "-"),
    ("knn", "neighbours", "--"),
)


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw six panels: three against training frames per model, three of the reference run."""
    summary = tables["decompose/summary"]
    run = reference(summary)
    entropy, told, sensitivity, shares = (
        table[table[C.STRUCTURES] == TEST_CONFORMATIONS]
        for table in (
            tables["entropy/entropy"],
            tables["entropy/decomposability"],
            tables["entropy/sensitivity"],
            summary,
        )
    )
    series = all_series(summary)
    figure = page(2, 2)
    grid = panels(figure, 6, 3)
    _scaled_entropy(grid[0], entropy, series)
    _decomposability(grid[1], told, series)
    _beyond_elements(grid[2], told, shares, run)
    part = at_run(sensitivity, run)
    part = part[part[C.BOND_TYPE] == WITHIN]
    _widths(grid[3], part)
    _samples(grid[4], part)
    _other_energies(grid[5], entropy, run)
    for index, axes in enumerate(grid):
        letter(axes, index)
        if index in (0, 1, 2, 5):
            n_axis(axes, summary[C.N_TRAIN].to_list())
    legend_outside(figure, [one.handle() for one in series], 3, "outside lower left")
    name_run(figure, run)
    return figure


def _scaled_entropy(axes: Axes, entropy: pd.DataFrame, series: list[Series]) -> None:
    part = entropy[(entropy[C.BOND_TYPE] == WITHIN) & (entropy["quantity"] == "D/sd")]
    for column, shift, (_, _, linestyle) in zip(("binned", "knn"), (1.0, 1.04), _BOTH, strict=True):
        for one in series:
            shifted = replace(one, dodge=one.dodge * shift)
            draw_curve(axes, one.of(part), _H.format(column), shifted, linestyle=linestyle)
    axes.set_ylabel(r"$h(D/\sigma_D \mid \mathrm{type})$ (nats)")
    legend_above(axes, [_line(name, linestyle=linestyle) for _, name, linestyle in _BOTH])


def _decomposability(axes: Axes, told: pd.DataFrame, series: list[Series]) -> None:
    of_d, of_r = (told[told["measure"] == measure] for measure in ("I(D/sd; type)", "I(r; type)"))
    first = {one.dataset: replace(one, color=style.GREY, marker="*") for one in reversed(series)}
    for shift, (suffix, _, linestyle) in zip((1.0, 1.04), _BOTH, strict=True):
        for one, part in [*((s, of_d) for s in series), *((s, of_r) for s in first.values())]:
            shifted = replace(one, dodge=one.dodge * shift)
            draw_curve(axes, one.of(part), f"fraction_{suffix}", shifted, linestyle=linestyle)
    axes.set_ylabel(LABELS["fraction_mm"])
    legend_above(axes, [_line("distance $r$", marker="*")])


def _beyond_elements(
    axes: Axes, told: pd.DataFrame, shares: pd.DataFrame, run: tuple[str, str, int]
) -> None:
    """Draw what D and r tell of the order where the elements are known, and the bonded share, of one model."""
    drawn = (
        ("$D$", told[told["measure"] == "I(D; order | elements)"], "fraction_knn", style.BLUE, "o"),
        ("$r$", told[told["measure"] == "I(r; order | elements)"], "fraction_knn", style.GREY, "*"),
        (LABELS["bonded_share"], shares, "bonded_share", style.VERMILION, "s"),
    )
    for index, (_, table, column, color, marker) in enumerate(drawn):
        draw_curve(axes, _of_model(table, run), column, _series(run, color, marker, index))
    axes.set_ylabel(r"$I(\,\cdot\,;\,\mathrm{order} \mid \mathrm{elements})\,/\,H$; $\beta$")
    legend_above(
        axes, [_line(name, color=color, marker=marker) for name, _, _, color, marker in drawn]
    )


def _widths(axes: Axes, part: pd.DataFrame) -> None:
    """Draw h against the width of the bins, for all molecules and for a quarter of them."""
    sizes = sorted(part[C.N_MOLECULES].unique())
    shown = dict.fromkeys([sizes[-1], sizes[len(sizes) // 2 - 1]]) if sizes else {}
    for size, alpha in zip(shown, (1.0, style.STYLE.faint_alpha), strict=False):
        at_size = part[part[C.N_MOLECULES] == size]
        for name, (color, marker, linestyle) in _ESTIMATORS.items():
            of = at_size[at_size["estimator"] == name]
            if name == "nearest neighbours":
                for h in [of["differential_nats"].mean()] if len(of) else []:
                    axes.axhline(h, color=color, linestyle=linestyle, alpha=alpha)
                    axes.annotate(
                        f"{size} molecules", (0.02, h), xycoords=axes.get_yaxis_transform(), ha="left", va="bottom",
                        fontsize=style.STYLE.small_note, alpha=max(alpha, style.STYLE.scatter_alpha),
                    )  # fmt: skip
                continue
            means = of.groupby("bin_width_eV")["differential_nats"].mean()
            axes.plot(
                means.index, means, color=color, marker=marker, linestyle=linestyle, alpha=alpha
            )
    axes.set_xscale("log")
    axes.set_xlabel("bin width $w$ (eV)")
    axes.set_ylabel(r"$h(D \mid \mathrm{type})$ (nats of eV)")
    if len(part):
        widths = sorted(part["bin_width_eV"].dropna().unique())
        axes.set_xticks(widths, [f"{width:g}" for width in widths])
        axes.minorticks_off()
    legend_above(axes, [_line(name, *look) for name, look in _ESTIMATORS.items()])


def _samples(axes: Axes, part: pd.DataFrame) -> None:
    """Draw h against the number of molecules, bins of the width nearest to 0.05 eV; bars: between draws."""
    widths = part["bin_width_eV"].dropna()
    width = min(widths, key=lambda one: abs(one - 0.05)) if len(widths) else 0.05
    for name, (color, marker, linestyle) in _ESTIMATORS.items():
        of = part[
            (part["estimator"] == name)
            & (part["bin_width_eV"].isna() | (part["bin_width_eV"] == width))
        ]
        means = of.groupby(C.N_MOLECULES)[["differential_nats", "differential_nats_sd"]].mean()
        axes.errorbar(
            means.index, means["differential_nats"], means["differential_nats_sd"].fillna(0.0), color=color,
            marker=marker, linestyle=linestyle, elinewidth=style.STYLE.interval_line,
        )  # fmt: skip
    axes.set_xscale("log")
    sizes = sorted(part[C.N_MOLECULES].unique())
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.set_xlabel("molecules in the sample")
    axes.set_ylabel(r"$h(D \mid \mathrm{type})$ (nats of eV)")
    axes.text(
        0.98,
        0.03,
        f"$w$ = {width:g} eV",
        transform=axes.transAxes,
        ha="right",
        fontsize=style.STYLE.note,
    )


def _other_energies(axes: Axes, entropy: pd.DataFrame, run: tuple[str, str, int]) -> None:
    """Draw H in bins of D, of eps, of A and of D of non-bonded pairs against N, of one model."""
    within = _of_model(entropy[entropy[C.BOND_TYPE] == WITHIN], run)
    for index, (name, (_, color, marker)) in enumerate(_QUANTITIES.items()):
        part = within[within["quantity"] == name]
        draw_curve(axes, part, "entropy_mm_nats", _series(run, color, marker, index))
    axes.set_ylabel(r"$H(\,\cdot \mid \mathrm{type})$ (nats)")
    legend_above(
        axes,
        [_line(label, color=color, marker=marker) for label, color, marker in _QUANTITIES.values()],
        ncols=2,
    )


def _of_model(table: pd.DataFrame, run: tuple[str, str, int]) -> pd.DataFrame:
    """Return the rows of the model of ``run``, at every N."""
    return table[(table[C.DATASET] == run[0]) & (table[C.MODEL] == run[1])]


def _series(run: tuple[str, str, int], color: str, marker: str, index: int) -> Series:
    return Series(run[0], run[1], "", color, marker, "full", 1.05 ** (index - 1))


def _line(
    name: str, color: str = style.GREY, marker: str = "none", linestyle: LineStyleType = "-"
) -> Line2D:
    return Line2D([], [], color=color, marker=marker, linestyle=linestyle, label=name)
