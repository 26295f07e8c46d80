"""Molecular dynamics: r and D up to a break, spectra, whether D announces it, how replicas end."""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from e3d.fields import Column as C
from study.dynamics import fields as f
from study.fields import LABELS
from study.figures import style
from study.figures.drawing import fit, legend_above, letter, page
from study.runs import at_run, over_seeds, reference

_PREDICTORS: Final[tuple[tuple[str, str, str, str, Any], ...]] = (
    ("D", "$D$ (lowest)", style.BLUE, "o", "-"),
    ("D_z", "$D$ below its mean, in sd", style.SKY, "s", "-"),
    ("r_rel", "$r$ over covalent radii (longest)", style.VERMILION, "^", "--"),
    ("r_z", "$r$ above its mean, in sd", style.ORANGE, "v", "--"),
    ("D_mean", "thermal mean of $D$ alone", style.GREY, "D", ":"),
)
_OUTCOMES: Final = {
    "intact": (style.SKY, ""),
    "broken": (style.VERMILION, "//"),
    "exploded": (style.GREY, ".."),
}
_NOTHING: Final = "no bond broke"


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw one breaking trajectory, the spectra of two bonds, scores against time, and outcomes."""
    run = reference(tables["decompose/summary"])
    bonds, spectra, scores, path = (
        at_run(tables[f"dynamics/{name}"], run)
        for name in ("dynamics", "spectrum", "breaking", "trajectory")
    )
    wide = fit(2, wide=2) == 2
    shape = (1, 2) if wide else (2, 1)
    figure = page(2.2 if wide else 4.8, 3, run=run)
    heights = (1.1, 1) if wide else (1.5, 1)
    upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)[:, 0]
    sides = np.ravel(np.asarray(upper.subfigures(*shape)))
    _trajectory(sides[0], path)
    _spectra(sides[1], spectra, bonds)
    third, fourth = lower.subplots(*shape, width_ratios=(1.5, 1)[: shape[1]])
    _scores(third, scores[(scores[C.MOLECULE] == f.ALL) & (scores[f.WINDOW] == 0)])
    _outcomes(fourth, bonds)
    return figure


def _trajectory(panel: SubFigure, path: pd.DataFrame) -> None:
    """Draw r and D of every bond of one replica against the time to its break."""
    upper, lower = panel.subplots(2, 1, sharex=True)
    letter(upper, 0)
    for axes, column in ((upper, C.R), (lower, C.BOND_ENERGY)):
        axes.set_ylabel(LABELS[column])
    lower.set_xlabel("time to the break (fs)")
    if path.empty:
        upper.set_title(_NOTHING)
        return
    path = path[path[C.SEED] == path[C.SEED].min()]
    look = style.STYLE
    for (_, _, breaks), part in path.groupby([C.I, C.J, f.BREAKS]):
        color, width, order = (
            (style.VERMILION, look.strong_curve_line, 3)
            if breaks
            else (style.GREY, look.weak_curve_line, 2)
        )
        for axes, column in ((upper, C.R), (lower, C.BOND_ENERGY)):
            time = part[f.TIME_TO_BREAK]
            axes.plot(time, part[column], color=color, linewidth=width, zorder=order)
    first = path[path[f.BREAKS].astype(bool)].iloc[0]
    place = f"{first[C.MOLECULE]}, {first[f.TEMPERATURE]:g} K"
    upper.set_title(f"{place}: {first[C.FINE_TYPE]} breaks")


def _spectra(panel: SubFigure, spectra: pd.DataFrame, bonds: pd.DataFrame) -> None:
    """Draw power of r and D at the lowest temperature: first bond, and that of fastest stretch."""
    pair = panel.subplots(2, 1, sharex=True)
    letter(pair[0], 1)
    pair[1].set_xlabel("wavenumber (cm$^{-1}$)")
    cold = spectra[spectra[f.TEMPERATURE] == spectra[f.TEMPERATURE].min()]
    if cold.empty:
        pair[0].set_title("trajectories too short")
        for axes in pair:
            axes.set(xticks=[], yticks=[])
        return
    name, temperature = cold[C.MOLECULE].iloc[0], cold[f.TEMPERATURE].iloc[0]
    cold = cold[cold[C.MOLECULE] == name]
    keys = [f.BOND_CLASS, f.FREQUENCY]
    mean = cold.groupby(keys, as_index=False)[[f.POWER_R, f.POWER_D]].mean()
    fine = cold.groupby(f.BOND_CLASS)[C.FINE_TYPE].first()
    here = bonds[(bonds[C.MOLECULE] == name) & (bonds[f.TEMPERATURE] == temperature)]
    fastest = here.groupby(f.BOND_CLASS)[f.PEAK_R].mean().idxmax()
    for axes, label in zip(pair, dict.fromkeys([mean[f.BOND_CLASS].min(), fastest]), strict=False):
        part = mean[mean[f.BOND_CLASS] == label]
        for column, text, color, line in (
            (f.POWER_R, "$r$", style.VERMILION, "--"),
            (f.POWER_D, "$D$", style.BLUE, "-"),
        ):
            share = part[column] / part[column].max()
            axes.plot(part[f.FREQUENCY], share, color=color, linestyle=line, label=text)
        axes.set(ylim=(0, 1.08), ylabel="power / highest")
        axes.text(0.5, 0.95, str(fine[label]), transform=axes.transAxes, ha="center", va="top")
    pair[0].set_title(f"{name}, {temperature:g} K")
    pair[0].legend(loc="upper left", bbox_to_anchor=(0.6, 0.85))


def _scores(axes: Axes, scores: pd.DataFrame) -> None:
    """Draw the mean percentile of the bond that breaks against lead time, with widest intervals."""
    look = style.STYLE
    letter(axes, 2)
    axes.axhline(0.5, color=style.BLACK, linewidth=look.guide_line)
    place: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "ha": "right", "va": "bottom"}
    axes.text(0.995, 0.5, "chance", fontsize=look.small_note, **place)
    axes.set(xlabel="time before the break (fs)", xscale="log")
    axes.set_ylabel("share of other bonds\nranked stronger")
    leads = sorted(scores[f.LEAD].unique())
    if not leads:
        axes.set_title(_NOTHING)
        return
    handles = []
    for index, (name, text, color, marker, line) in enumerate(_PREDICTORS):
        own = scores[scores[f.PREDICTOR] == name]
        spread = [over_seeds(own[own[f.LEAD] == lead], f.PERCENTILE) for lead in leads]
        x = np.array(leads) * 1.045 ** (index - 2)
        curve: dict[str, Any] = {"color": color, "marker": marker, "linestyle": line}
        axes.plot(x, [s.mean for s in spread], **curve)
        for position, s in zip(x, spread, strict=True):
            if s.has_interval:
                axes.vlines(position, s.lo, s.hi, color=color, linewidth=look.interval_line)
        handles.append(Line2D([], [], label=text, **curve))
    counts = scores[scores[f.PREDICTOR] == "D"].groupby(f.LEAD)["n_replicas"].sum()
    axes.set_xticks(leads, [f"{lead:g}\n({counts[lead]} breaks)" for lead in leads])
    axes.minorticks_off()
    axes.set_xlim(leads[0] / 1.25, leads[-1] * 1.55)  # room for the word
    legend_above(axes, handles, ncols=2)


def _outcomes(axes: Axes, bonds: pd.DataFrame) -> None:
    """Draw how the replicas of all molecules and seeds ended, a bar for each temperature."""
    letter(axes, 3)
    each = bonds.drop_duplicates([C.SEED, C.MOLECULE, f.TEMPERATURE])
    sums = each.groupby(f.TEMPERATURE)[[f"n_{name}" for name in _OUTCOMES]].sum()
    shares = sums.div(sums.sum(axis=1), axis=0)
    below = np.zeros(len(shares))
    for name, (color, hatch) in _OUTCOMES.items():
        part = shares[f"n_{name}"].to_numpy(dtype=float)
        look: dict[str, Any] = {"color": color, "hatch": hatch, "edgecolor": "white"}
        rim = style.STYLE.hair_line
        axes.bar(range(len(part)), part, 0.75, below, label=name, linewidth=rim, **look)
        below += part
    axes.set_xticks(range(len(shares)), [f"{t:g}" for t in shares.index])
    axes.set(xlabel="temperature (K)", ylabel="share of replicas", ylim=(0, 1))
    legend_above(axes, ncols=3)
