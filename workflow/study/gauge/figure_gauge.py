"""How much of D energies and forces fix: spread over seeds, rigidity against the regulariser, changes by variants."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from e3d.fields import Column as C
from study.figures import style
from study.figures.drawing import legend_above, letter, page, panels
from study.runs import at_run, reference

_SHOWN_SD = 1.6
_TALL = 1.8
"""Height of a panel whose rows are kinds of bonds, in those of others."""
_OTHERS = {
    "type mean": "mean of a type",
    "contrast of types": r"$\Delta$ between types",
    "contrast in type": r"$\Delta$ within a type",
    "contrast in molecule": r"$\Delta$ in a molecule",
}
_KINDS = (
    ("bond", "$D$", style.VERMILION, "s"),
    ("type", "mean of a type", style.PURPLE, "D"),
    ("contrast in molecule", r"$\Delta D$ in a molecule", style.GREEN, "^"),
    ("energy", "total energy", style.BLUE, "o"),
)


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw three panels: the reference run's seeds, the smallest model's rigidity, the variants."""
    run = reference(tables["decompose/summary"])
    figure = page(_TALL, 1, run=run)
    axes = panels(figure, 3, 3, width_ratios=(1.0, 0.9, 1.1))
    _seeds(axes[0], at_run(tables["gauge/seeds"], run))
    _rigidity(axes[1], tables["gauge/rigidity"], run[0])
    _variants(axes[2], tables["gauge/ablations"], run[0])
    for index, one in enumerate(axes):
        letter(one, index)
    return figure


def _say(axes: Axes, text: str) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, color=style.GREY)


def _rows(axes: Axes, labels: list[str]) -> None:
    axes.set_yticks(range(len(labels)), labels, fontsize=style.STYLE.name)
    axes.set_ylim(len(labels) - 0.4, -0.6)


def _seeds(axes: Axes, table: pd.DataFrame) -> None:
    if table.empty:
        _say(axes, "one seed:\nno spread to show")
        return
    types = table[(table["quantity"] == "D")].sort_values("sd_eV", ascending=False, kind="stable")
    others = (
        table[table["quantity"].isin(_OTHERS)]
        .set_index("quantity")
        .reindex(list(_OTHERS))
        .dropna(how="all")
    )
    labels = ["all bonds" if kind == "all" else str(kind) for kind in types[C.BOND_TYPE]] + [
        _OTHERS[name] for name in others.index
    ]
    rows = pd.concat([types, others.reset_index()], ignore_index=True)
    for y, row in enumerate(rows.to_dict("records")):
        color = (
            style.BLACK
            if labels[y] == "all bonds"
            else style.GREEN
            if y >= len(types)
            else style.VERMILION
        )
        axes.plot(row["sd_eV"], y, marker="o", color=color)
        if np.isfinite(row["sd_eV_lo"]):
            axes.hlines(
                y,
                max(row["sd_eV_lo"], 0.0),
                row["sd_eV_hi"],
                color=color,
                linewidth=style.STYLE.interval_line,
            )
    _rows(axes, labels)
    axes.set_xlim(
        0, _SHOWN_SD * float(rows["sd_eV"].max())
    )  # two molecules of a type give intervals without end
    axes.set_xlabel(f"SD of $D$ over {int(table['n_seeds'].max())} seeds (eV)")


def _rigidity(axes: Axes, table: pd.DataFrame, dataset: str) -> None:
    table = table[table[C.DATASET] == dataset]
    if table.empty:
        _say(axes, "no model small enough\nfor the full matrix")
        return
    for kind, label, color, marker in _KINDS:
        middle = table[table["kind"] == kind].groupby("sigma2_relative")["sd_eV"].median()
        axes.plot(middle.index, middle, color=color, marker=marker, label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    first = table.iloc[0]
    axes.set_xlabel(r"regulariser $\sigma^2 / \lambda_{\max}$")
    axes.set_ylabel("predicted SD, median (eV)")
    axes.set_title(f"{first[C.MODEL]}, $N$ = {first[C.N_TRAIN]}", fontsize=style.STYLE.note)
    axes.legend(loc="upper right")


def _variants(axes: Axes, table: pd.DataFrame, dataset: str) -> None:
    table = table[(table["dataset"] == dataset) & ~table["offset_removed"].astype(bool)]
    if table.empty:
        _say(axes, "no variants in this study\n(config/controls.yaml has them)")
        return
    table = table.sort_values("rms_change_eV", ascending=False, kind="stable").reset_index(
        drop=True
    )
    seeds = table["seed_rms_eV"].median()
    axes.axvline(
        seeds,
        color=style.GREY,
        linestyle="--",
        linewidth=style.STYLE.guide_line,
        label="another seed",
    )
    for y, row in enumerate(table.to_dict("records")):
        color = style.VERMILION if row["verdict"] == "moves D more than seeds do" else style.BLACK
        axes.plot(row["rms_change_eV"], y, marker="o", color=color)
        if np.isfinite(row["rms_change_eV_lo"]):
            axes.hlines(
                y,
                max(row["rms_change_eV_lo"], 0.0),
                row["rms_change_eV_hi"],
                color=color,
                linewidth=style.STYLE.interval_line,
            )
    _rows(axes, [str(name) for name in table["variant"]])
    axes.set_xlim(left=0)
    axes.set_xlabel("RMS change of $D$ (eV)")
    first = table.iloc[0]
    axes.set_ylabel(f"variants of {first['base']}, $N$ = {first['n_train']}")
    legend_above(axes)
