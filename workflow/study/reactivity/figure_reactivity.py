"""Activation energies of the reference run against labels, their error against N, and D along reaction paths."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.typing import LineStyleType

from e3d.fields import Column as C
from study.figures import style
from study.figures.drawing import all_series, draw_curve, legend_outside, letter, n_axis, page
from study.runs import at_run, reference, sized_models

SETS: Final = {
    "unimolecular": ("closed-shell unimolecular", style.BLUE, "o"),
    "dbh24": ("DBH24", style.VERMILION, "s"),
    "transition1x": ("Transition1x", style.GREEN, "^"),
}
PATHS: Final = ("HCN -> HNC", "H2CO -> H2 + CO", "vinyl alcohol -> acetaldehyde")
WORDS: Final = {"breaking": "breaking", "forming": "forming", "kept": "other"}
ROLES: Final[dict[Any, tuple[str, LineStyleType]]] = {
    "breaking": (style.VERMILION, "--"),
    "forming": (style.BLUE, "-"),
    "kept": (style.GREY, ":"),
}


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw barriers against labels and their MAE against N above, D and energies along three paths below."""
    run = reference(tables["decompose/summary"])
    figure = page(2.3, 2, run=run)
    top, bottom = np.ravel(np.asarray(figure.subfigures(2, 1, height_ratios=(1.0, 1.15))))
    left, right = top.subplots(1, 2, width_ratios=(1.0, 1.35))
    _parity(left, at_run(tables["reactivity/barriers"], run))
    _errors(right, tables["reactivity/summary"], tables["decompose/summary"], run[0])
    along = at_run(tables["reactivity/paths"], run)
    names = [name for name in PATHS if name in set(along["reaction"])]
    if names:
        grid = bottom.subplots(2, len(names), sharex=True, squeeze=False, height_ratios=(0.8, 1.2))
        for index, name in enumerate(names):
            _path(grid[:, index], along[along["reaction"] == name], name, index)
        handles = [
            Line2D([], [], color=color, linestyle=line, label=f"$D$ of {WORDS[role]} bonds")
            for role, (color, line) in ROLES.items()
        ]
        handles = [*grid[0, 0].get_legend_handles_labels()[0], *handles]
        legend_outside(bottom, handles, 5)
    return figure


def _parity(axes: Axes, barriers: pd.DataFrame) -> None:
    values = barriers[["label_eV", "model_eV"]].to_numpy(dtype=float)
    low, high = (
        (float(np.nanmin(values)), float(np.nanmax(values)))
        if np.isfinite(values).any()
        else (0.0, 1.0)
    )
    known = values[np.isfinite(values[:, 0]), 0]
    ends = (float(known.min()), float(known.max())) if len(known) else (low, high)
    axes.plot(ends, ends, color=style.GREY, linewidth=style.STYLE.guide_line)
    for name, (label, color, marker) in SETS.items():
        part = barriers[barriers["set"] == name]
        for key, one in part.groupby(["reaction", "direction"]):
            x, y = one["label_eV"].iloc[0], one["model_eV"].astype(float)
            axes.vlines(
                x, y.min(), y.max(), color=color, linewidth=style.STYLE.crowded_interval_line
            )
            filled = key[1] == "forward"
            axes.plot(
                x, y.mean(), linestyle="none", marker=marker, markersize=style.STYLE.point_marker, color=color,
                markerfacecolor=color if filled else "white",
            )  # fmt: skip
        if len(part):
            axes.plot([], [], linestyle="none", marker=marker, color=color, label=label)
    axes.set(xlabel="activation energy, labels (eV)", ylabel="activation energy, model (eV)")
    if len(barriers):
        axes.legend(loc="lower right")
    axes.set_ylim(low - 0.25 * (high - low), None)
    letter(axes, 0)


def _errors(axes: Axes, summary: pd.DataFrame, sizes: pd.DataFrame, dataset: str) -> None:
    parameters = sized_models(sizes)
    table = summary[(summary["reactions"] == "all") & (summary[C.DATASET] == dataset)].copy()
    table[C.N_PARAMETERS] = table[C.MODEL].map(parameters)
    shown = table[table[C.N_PARAMETERS].notna()]
    lines: dict[str, LineStyleType] = {"unimolecular": "-", "dbh24": "--", "transition1x": ":"}
    for name, line in lines.items():
        part = shown[shown["set"] == name]
        for series in all_series(part):
            draw_curve(axes, series.of(part), "mae_model_eV", series, linestyle=line)
    handles = [series.handle() for series in all_series(shown)]
    for name in [name for name in lines if name in set(shown["set"])]:
        line, base = lines[name], shown[shown["set"] == name]["mae_mean_barrier_eV"].mean()
        axes.axhline(base, color=style.GREY, linewidth=style.STYLE.guide_line, linestyle=line)
        handles.append(
            Line2D([], [], color=style.GREY, linestyle=line, label=f"{SETS[name][0]} (grey: guess)")
        )
    n_axis(axes, list(shown[C.N_TRAIN]))
    axes.set_ylabel("MAE, model − label (eV)")
    axes.set_ylim(0, 1.3 * axes.get_ylim()[1])  # room for the legend
    axes.legend(handles=handles, loc="best")
    letter(axes, 1)


def _path(pair: Sequence[Axes], path: pd.DataFrame, name: str, index: int) -> None:
    upper, lower = pair
    offset = (style.STYLE.name_offset,) * 2
    images = path.groupby("path_fraction")
    x = np.array(sorted(set(path["path_fraction"])))
    upper.plot(
        x,
        images["label_eV"].first(),
        color=style.BLACK,
        marker="o",
        markersize=style.STYLE.path_marker,
        label="energy, labels",
    )
    upper.plot(
        x,
        images["model_eV"].mean(),
        color=style.GREEN,
        marker="s",
        markersize=style.STYLE.path_marker,
        label="energy, model",
    )
    upper.fill_between(
        x,
        images["model_eV"].min(),
        images["model_eV"].max(),
        color=style.GREEN,
        alpha=style.STYLE.band_alpha,
        linewidth=0,
    )
    for (_, _, elements, role), bond in path.groupby(["i", "j", "elements", "role"]):
        color, line = ROLES[role]
        d = bond.groupby("path_fraction")[C.BOND_ENERGY].mean()
        lower.plot(x, d, color=color, linestyle=line)
        if role != "kept":
            where, side = (0, "left") if role == "breaking" else (-1, "right")
            lower.annotate(
                str(elements), (x[where], d.iloc[where]), xytext=offset if where == 0 else (-offset[0], offset[1]),
                textcoords="offset points", ha=side, va="bottom", fontsize=style.STYLE.name, color=color,
            )  # fmt: skip
    for axes in pair:
        axes.axvline(
            path.loc[path["saddle"].astype(bool), "path_fraction"].iloc[0],
            color=style.GREY,
            linewidth=style.STYLE.hair_line,
        )
    lower.axhline(0, color=style.GREY, linewidth=style.STYLE.hair_line)
    upper.set_title(
        f"({'cde'[index]})  {name.replace('->', '→')}", loc="left", fontsize=style.STYLE.note
    )
    lower.set_xlabel("path coordinate (fraction)")
    if index == 0:
        upper.set_ylabel("energy (eV)")
        lower.set_ylabel("$D_{ij}$ (eV)")
