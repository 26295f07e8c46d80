"""Molecular dynamics: D and r up to a break, their spectra, whether D foretells the break, how replicas end."""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from e3d.fields import Column as C
from study.fields import LABELS
from study.figures import style
from study.figures.drawing import fit, legend_above, letter, name_run, page
from study.runs import at_run, over_seeds, reference

_PREDICTORS: Final[tuple[tuple[str, str, str, str, Any], ...]] = (
    ("D", "$D$ (lowest)", style.BLUE, "o", "-"),
    ("D_z", "$D$ below its mean, in sd", style.SKY, "s", "-"),
    ("r_rel", "$r$ over covalent radii (longest)", style.VERMILION, "^", "--"),
    ("r_z", "$r$ above its mean, in sd", style.ORANGE, "v", "--"),
    ("D_mean", "thermal mean of $D$ alone", style.GREY, "D", ":"),
)
_OUTCOMES = (
    ("intact", style.SKY, ""),
    ("broken", style.VERMILION, "//"),
    ("exploded", style.GREY, ".."),
)
_NOTHING = "no bond broke"


def make(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw one breaking trajectory, the spectra of two bonds, scores against lead time, and outcomes."""
    run = reference(tables["decompose/summary"])
    bonds, spectra, scores, path = (
        at_run(tables[f"dynamics/{name}"], run)
        for name in ("dynamics", "spectrum", "breaking", "trajectory")
    )
    across = fit(2, wide=2)
    figure = page(2.2 * 2 / across, 2)
    upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=(1.1, 1))[:, 0]
    sides = np.ravel(np.asarray(upper.subfigures(2 // across, across)))
    _trajectory(sides[0], path)
    _spectra(sides[1], spectra, bonds)
    third, fourth = lower.subplots(2 // across, across, width_ratios=(1.5, 1)[:across])
    _scores(third, scores[(scores[C.MOLECULE] == "all") & (scores["window_fs"] == 0)])
    _outcomes(fourth, bonds)
    name_run(figure, run)
    return figure


def _trajectory(panel: SubFigure, path: pd.DataFrame) -> None:
    """Draw r and D of every bond of one replica against the time to its break; the bond that breaks in colour."""
    upper, lower = panel.subplots(2, 1, sharex=True)
    letter(upper, 0)
    for axes, column in ((upper, C.R), (lower, C.BOND_ENERGY)):
        axes.set_ylabel(LABELS[column])
    lower.set_xlabel("time to the break (fs)")
    if path.empty:
        upper.set_title(_NOTHING)
        return
    path = path[path[C.SEED] == path[C.SEED].min()]
    for (_, _, breaks), part in path.groupby([C.I, C.J, "breaks"]):
        look = {
            "color": style.VERMILION if breaks else style.GREY,
            "linewidth": style.STYLE.strong_curve_line if breaks else style.STYLE.weak_curve_line,
        }
        for axes, column in ((upper, C.R), (lower, C.BOND_ENERGY)):
            axes.plot(part["time_to_break_fs"], part[column], zorder=3 if breaks else 2, **look)
    first = path[path["breaks"].astype(bool)].iloc[0]
    upper.set_title(
        f"{first[C.MOLECULE]}, {first['temperature_K']:g} K: {first[C.FINE_TYPE]} breaks"
    )


def _spectra(panel: SubFigure, spectra: pd.DataFrame, bonds: pd.DataFrame) -> None:
    """Draw normalised power of r and D at the lowest temperature: the bond between heavy atoms, and the fastest."""
    pair = panel.subplots(2, 1, sharex=True)
    letter(pair[0], 1)
    pair[1].set_xlabel("wavenumber (cm$^{-1}$)")
    cold = spectra[spectra["temperature_K"] == spectra["temperature_K"].min()]
    if cold.empty:
        pair[0].set_title("trajectories too short")
        for axes in pair:
            axes.set(xticks=[], yticks=[])
        return
    name = cold[C.MOLECULE].iloc[0]
    cold = cold[cold[C.MOLECULE] == name]
    mean = cold.groupby(["bond_class", "frequency_cm"], as_index=False)[
        ["power_r_ang2_cm", "power_bond_energy_eV2_cm"]
    ].mean()
    fine = cold.groupby("bond_class")[C.FINE_TYPE].first()
    here = bonds[
        (bonds[C.MOLECULE] == name) & (bonds["temperature_K"] == cold["temperature_K"].iloc[0])
    ]
    fastest = here.groupby("bond_class")["peak_r_cm"].mean().idxmax()
    for axes, label in zip(pair, dict.fromkeys([mean["bond_class"].min(), fastest]), strict=False):
        part = mean[mean["bond_class"] == label]
        for column, text, color, line in (
            ("power_r_ang2_cm", "$r$", style.VERMILION, "--"),
            ("power_bond_energy_eV2_cm", "$D$", style.BLUE, "-"),
        ):
            axes.plot(
                part["frequency_cm"],
                part[column] / part[column].max(),
                color=color,
                linestyle=line,
                label=text,
            )
        axes.set(ylim=(0, 1.08), ylabel="power / highest")
        axes.text(0.5, 0.95, str(fine[label]), transform=axes.transAxes, ha="center", va="top")
    pair[0].set_title(f"{name}, {cold['temperature_K'].iloc[0]:g} K")
    pair[0].legend(loc="upper left", bbox_to_anchor=(0.6, 0.85))


def _scores(axes: Axes, scores: pd.DataFrame) -> None:
    """Draw the mean percentile of the bond that breaks against lead time, means over seeds, widest intervals."""
    letter(axes, 2)
    axes.axhline(0.5, color=style.BLACK, linewidth=style.STYLE.guide_line)
    axes.text(0.995, 0.5, "chance", transform=axes.get_yaxis_transform(), ha="right", va="bottom",
              fontsize=style.STYLE.small_note)  # fmt: skip
    axes.set(
        xlabel="time before the break (fs)",
        ylabel="share of other bonds\nranked stronger",
        xscale="log",
    )
    leads = sorted(scores["lead_fs"].unique())
    if not leads:
        axes.set_title(_NOTHING)
        return
    for index, (name, _, color, marker, line) in enumerate(_PREDICTORS):
        own = scores[scores["predictor"] == name]
        spread = {lead: over_seeds(own[own["lead_fs"] == lead], "percentile") for lead in leads}
        x = np.array(leads) * 1.045 ** (index - 2)
        axes.plot(x, [s.mean for s in spread.values()], color=color, marker=marker, linestyle=line)
        for position, s in zip(x, spread.values(), strict=True):
            if s.has_interval:
                axes.vlines(position, s.lo, s.hi, color=color, linewidth=style.STYLE.interval_line)
    counts = scores[scores["predictor"] == "D"].groupby("lead_fs")["n_replicas"].sum()
    axes.set_xticks(leads, [f"{lead:g}\n({counts[lead]} breaks)" for lead in leads])
    axes.minorticks_off()
    axes.set_xlim(leads[0] / 1.25, leads[-1] * 1.55)  # room for the word
    handles = [
        Line2D([], [], color=color, marker=marker, linestyle=line, label=text)
        for _, text, color, marker, line in _PREDICTORS
    ]
    legend_above(axes, handles, ncols=2)


def _outcomes(axes: Axes, bonds: pd.DataFrame) -> None:
    """Draw how the replicas of all molecules and seeds ended, a bar for each temperature."""
    letter(axes, 3)
    each = bonds.drop_duplicates([C.SEED, C.MOLECULE, "temperature_K"])
    sums = each.groupby("temperature_K")[[f"n_{name}" for name, _, _ in _OUTCOMES]].sum()
    shares = sums.div(sums.sum(axis=1), axis=0)
    below = np.zeros(len(shares))
    for name, color, hatch in _OUTCOMES:
        part = shares[f"n_{name}"].to_numpy(dtype=float)
        axes.bar(
            range(len(shares)), part, bottom=below, color=color, hatch=hatch, edgecolor="white",
            linewidth=style.STYLE.hair_line, label=name, width=0.75,
        )  # fmt: skip
        below += part
    axes.set_xticks(range(len(shares)), [f"{t:g}" for t in shares.index])
    axes.set(xlabel="temperature (K)", ylabel="share of replicas", ylim=(0, 1))
    legend_above(axes, ncols=3)
