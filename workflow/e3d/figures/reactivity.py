"""Activation energies of the reference run against labels, their error against N, and D along reaction paths."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.typing import LineStyleType

from e3d.fields import Column as C
from e3d.figures import style

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
    run = style.reference(tables["decompose/summary"])
    layout = ConstrainedLayoutEngine(rect=(0, 0.035, 1, 0.965))
    figure = Figure(figsize=(style.WIDTH, 5.6), layout=layout)
    top, bottom = np.ravel(np.asarray(figure.subfigures(2, 1, height_ratios=(1.0, 1.15))))
    left, right = top.subplots(1, 2, width_ratios=(1.0, 1.35))
    _parity(left, style.at_run(tables["reactivity/barriers"], run))
    _errors(right, tables["reactivity/summary"], tables["decompose/summary"], run[0])
    along = style.at_run(tables["reactivity/paths"], run)
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
        bottom.legend(handles=handles, loc="outside lower center", ncols=5)
    style.name_run(figure, run)
    return figure


def _parity(axes: Axes, barriers: pd.DataFrame) -> None:
    values = barriers[["label_eV", "model_eV"]].to_numpy(dtype=float)
    low, high = (float(np.nanmin(values)), float(np.nanmax(values))) if np.isfinite(values).any() else (0.0, 1.0)
    known = values[np.isfinite(values[:, 0]), 0]
    ends = (float(known.min()), float(known.max())) if len(known) else (low, high)
    axes.plot(ends, ends, color=style.GREY, linewidth=0.7)
    for name, (label, color, marker) in SETS.items():
        part = barriers[barriers["set"] == name]
        for key, one in part.groupby(["reaction", "direction"]):
            x, y = one["label_eV"].iloc[0], one["model_eV"].astype(float)
            axes.vlines(x, y.min(), y.max(), color=color, linewidth=0.6)
            filled = key[1] == "forward"
            axes.plot(
                x, y.mean(), linestyle="none", marker=marker, markersize=3.6, color=color,
                markerfacecolor=color if filled else "white",
            )  # fmt: skip
        if len(part):
            axes.plot([], [], linestyle="none", marker=marker, color=color, label=label)
    axes.set(xlabel="activation energy, labels (eV)", ylabel="activation energy, model (eV)")
    if len(barriers):
        axes.legend(loc="lower right", handletextpad=0.2)
    axes.set_ylim(low - 0.25 * (high - low), None)
    style.letter(axes, 0)


def _errors(axes: Axes, summary: pd.DataFrame, sizes: pd.DataFrame, dataset: str) -> None:
    parameters = style.sized_models(sizes)
    table = summary[(summary["reactions"] == "all") & (summary[C.DATASET] == dataset)].copy()
    table[style.N_PARAMETERS] = table[C.MODEL].map(parameters)
    shown = table[table[style.N_PARAMETERS].notna()]
    lines: dict[str, LineStyleType] = {"unimolecular": "-", "dbh24": "--", "transition1x": ":"}
    for name, line in lines.items():
        part = shown[shown["set"] == name]
        for series in style.all_series(part):
            style.draw_curve(axes, series.of(part), "mae_model_eV", series, linestyle=line)
    handles = [series.handle() for series in style.all_series(shown)]
    for name in [name for name in lines if name in set(shown["set"])]:
        line, base = lines[name], shown[shown["set"] == name]["mae_mean_barrier_eV"].mean()
        axes.axhline(base, color=style.GREY, linewidth=0.8, linestyle=line)
        handles.append(Line2D([], [], color=style.GREY, linestyle=line, label=f"{SETS[name][0]} (grey: guess)"))
    style.n_axis(axes, list(shown[C.N_TRAIN]))
    axes.set_ylabel("MAE, model − label (eV)")
    axes.set_ylim(0, 1.3 * axes.get_ylim()[1])  # room for the legend
    axes.legend(handles=handles, loc="best", handlelength=2.2)
    style.letter(axes, 1)


def _path(pair: Sequence[Axes], path: pd.DataFrame, name: str, index: int) -> None:
    upper, lower = pair
    images = path.groupby("path_fraction")
    x = np.array(sorted(set(path["path_fraction"])))
    upper.plot(x, images["label_eV"].first(), color=style.BLACK, marker="o", markersize=2.5, label="energy, labels")
    upper.plot(x, images["model_eV"].mean(), color=style.GREEN, marker="s", markersize=2.5, label="energy, model")
    upper.fill_between(x, images["model_eV"].min(), images["model_eV"].max(), color=style.GREEN, alpha=0.2, linewidth=0)
    for (_, _, elements, role), bond in path.groupby(["i", "j", "elements", "role"]):
        color, line = ROLES[role]
        d = bond.groupby("path_fraction")[C.BOND_ENERGY].mean()
        lower.plot(x, d, color=color, linestyle=line)
        if role != "kept":
            where, side = (0, "left") if role == "breaking" else (-1, "right")
            lower.annotate(
                str(elements), (x[where], d.iloc[where]), xytext=(2 if where == 0 else -2, 2),
                textcoords="offset points", ha=side, va="bottom", fontsize=6, color=color,
            )  # fmt: skip
    for axes in pair:
        axes.axvline(path.loc[path["saddle"].astype(bool), "path_fraction"].iloc[0], color=style.GREY, linewidth=0.5)
    lower.axhline(0, color=style.GREY, linewidth=0.4)
    upper.set_title(f"({'cde'[index]})  {name.replace('->', '→')}", loc="left", fontsize=7)
    lower.set_xlabel("path coordinate (fraction)")
    if index == 0:
        upper.set_ylabel("energy (eV)")
        lower.set_ylabel("$D_{ij}$ (eV)")
