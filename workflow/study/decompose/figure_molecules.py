"""Bond energies D on drawn molecules: relaxed geometry, mean over the reference run's seeds."""

from collections.abc import Sequence
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.text import Text
from rdkit import Chem

from e3d.arrays import Floats
from e3d.chemistry import canonical_smiles, parse
from e3d.drawing.layout import BOND_ANG
from e3d.errors import InputError, choices
from e3d.fields import NAMED_BONDS, RELAXED
from e3d.fields import Column as C
from e3d.named_bonds.references import DE, MEAN_BOND_ENERGY
from study.decompose.drawn import BESIDE, STROKES, Bond, Drawing, drawing_of
from study.fields import LABELS
from study.figures import style
from study.figures.drawing import boxes_around, name_run, push_off, takeaway
from study.runs import all_given, at_run, reference
from study.words import counted

MAX_PANELS: Final = 9
_COLUMNS: Final = (3, 2, 1)
_KEY: Final = {DE: "$D_e$: breaking the bond", MEAN_BOND_ENERGY: "mean: mean bond energy"}
"""What the words below D say, in the key."""
_HEAD, _FOOT = 3, 3
"""Lines of text above and below the molecules."""


def make(tables: dict[str, pd.DataFrame], molecules: Sequence[str]) -> Figure:
    """Draw up to nine ``molecules`` (SMILES) with D on their bonds, by default the table's first.

    Below D stand reference energies of the bonds that have them.

    Raises
    ------
    InputError
        If a molecule is not in the table of bond means, or there are too many.
    """
    means = tables["decompose/bond_means"]
    means = means[means[C.STRUCTURES] == NAMED_BONDS]
    run = reference(tables["decompose/summary"])
    means = at_run(means, run)
    summary = at_run(tables["decompose/summary"], run)
    of_named = summary[summary[C.STRUCTURES] == NAMED_BONDS]
    left_out = pd.Series(of_named.get(C.FRAMES_LEFT_OUT, 0))  # earlier tables do not say it
    lacking = all_given(summary[C.RUN]) or bool(left_out.gt(0).any())
    chosen = _chosen(means, molecules, some_lacking=lacking)
    named = at_run(tables["bde/named"], run)
    named = named[named[C.GEOMETRY] == RELAXED]
    drawings = [drawing_of(means[means[C.MOLECULE] == name], named) for name in chosen]
    energies = [bond.d.mean for drawing in drawings for bond in drawing.bonds]
    low, high = min(energies), max(energies)
    norm = Normalize(low, high) if high > low else Normalize(low - 0.5, high + 0.5)
    figure = _page(drawings, ScalarMappable(norm, mpl.colormaps["viridis"]))
    name_run(figure, run)
    height = style.POINTS * figure.get_figheight()
    takeaway(figure, _in_words(drawings)).set_y(1 - style.STYLE.corner / height)
    return figure


def _in_words(drawings: Sequence[Drawing]) -> str:
    """Say what D of the drawn bonds is nearer to, or how large it is where none has references."""
    # equivalent bonds of a molecule have the same reference energies, and count once
    kinds = {
        (drawing.title, *bond.beside.values()): bond
        for drawing in drawings
        for bond in drawing.bonds
    }
    nearer = [
        abs(bond.d.mean - bond.beside[MEAN_BOND_ENERGY]) < abs(bond.d.mean - bond.beside[DE])
        for bond in kinds.values()
        if len(bond.beside) == len(BESIDE)
    ]
    if nearer:
        return (
            "D is nearer to mean bond energies than to energies of breaking for "
            f"{sum(nearer)} of {counted(len(nearer), 'drawn bond')} with both"
        )
    energies = [bond.d.mean for drawing in drawings for bond in drawing.bonds]
    return f"D of the drawn bonds is {min(energies):.1f} to {max(energies):.1f} eV"


def _chosen(means: pd.DataFrame, molecules: Sequence[str], *, some_lacking: bool) -> list[str]:
    """Return the molecules to draw; a model may lack elements of some, or of all wanted."""
    known = list(dict.fromkeys(means[C.MOLECULE].astype(str)))
    wanted = [canonical_smiles(Chem.AddHs(parse(smiles))) for smiles in molecules]
    for given, smiles in zip(molecules, wanted, strict=True):
        if smiles not in known and not some_lacking:
            raise InputError(
                f"molecule {given!r} is not among the molecules of the named bonds - "
                f"{choices(smiles, known)}. Choose from these in figures: molecules."
            )
    chosen = [smiles for smiles in wanted if smiles in known] or known[:MAX_PANELS]
    if not 0 < len(chosen) <= MAX_PANELS:
        raise InputError(
            f"{len(chosen)} molecules to draw - the figure holds 1 to {MAX_PANELS}. "
            "Change figures: molecules."
        )
    return chosen


def _page(drawings: Sequence[Drawing], colors: ScalarMappable) -> Figure:
    """Lay the panels out in rows, every molecule at one scale; a panel's data units are points."""
    look = style.STYLE
    widest = max(drawing.extent[0] for drawing in drawings)
    shortest, longest = (length / BOND_ANG for length in look.bond_length)  # points per Å
    space, (side, rim) = look.width * style.POINTS - look.bar_room, look.molecule_pad
    scales = {
        n: min(longest, (space / n - 2 * side) / max(widest, 1e-9))
        for n in _COLUMNS
        if n <= len(drawings)
    }
    columns = next((n for n, scale in scales.items() if scale >= shortest), 1)
    width, scale = space / columns, scales[columns]
    rows = [drawings[start : start + columns] for start in range(0, len(drawings), columns)]
    heights = [max(d.height(scale, rim) for d in row) + look.title_room for row in rows]
    page = style.POINTS * np.array([look.width, look.row_height / 2])
    line = look.line_height * style.POINTS
    page[1] = max(page[1], sum(heights)) + (_HEAD + _FOOT) * line
    width_in, height_in = page / style.POINTS
    figure = Figure(figsize=(width_in, height_in))
    top = page[1] - _HEAD * line
    for row, height in zip(rows, heights, strict=True):
        top -= height
        for column, drawing in enumerate(row):
            box = np.array([column * width, top, width, height])
            axes = figure.add_axes((box / np.tile(page, 2)).tolist())
            half = (height - look.title_room) / 2
            axes.set(xlim=(-width / 2, width / 2), ylim=(-half, half + look.title_room))
            axes.set_axis_off()
            y = half + look.title_room - look.title_pad
            axes.text(0, y, drawing.title, ha="center", va="top", fontsize=look.text)
            _draw(axes, drawing, scale, colors)
    thick, bar_height = look.bar_size[0], min(page[1] * 0.8, look.bar_size[1])
    bar = np.array([page[0] - look.bar_room + thick, (page[1] - bar_height) / 2, thick, bar_height])
    beside = figure.add_axes((bar / np.tile(page, 2)).tolist())
    figure.colorbar(colors, cax=beside, label=LABELS[C.BOND_ENERGY])
    _key(figure, drawings)
    return figure


def _key(figure: Figure, drawings: Sequence[Drawing]) -> None:
    """Say below the molecules what their labels are, each in its colour."""
    look = style.STYLE
    bonds = [bond for drawing in drawings for bond in drawing.bonds]
    several = any(bond.d.n_seeds > 1 for bond in bonds)
    words = [("$D$ (eV)" + (", ± half the seeds' range" if several else ""), style.BLACK)]
    words += [
        (_KEY[one], color)
        for one, (_, color) in BESIDE.items()
        if any(one in bond.beside for bond in bonds)
    ]
    x = look.corner
    y = (look.corner + look.line_height * style.POINTS) / style.POINTS / figure.get_figheight()
    for text, color in words:
        place = x / style.POINTS / figure.get_figwidth()
        written = figure.text(place, y, text, fontsize=look.note, color=color, va="bottom")
        x += written.get_window_extent().width * style.POINTS / figure.dpi + 1.5 * look.note


def _draw(axes: Axes, drawing: Drawing, scale: float, colors: ScalarMappable) -> None:
    look = style.STYLE
    xy = drawing.xy * scale
    for bond in drawing.bonds:
        _draw_bond(axes, bond, xy[bond.i], xy[bond.j], colors.to_rgba(np.array(bond.d.mean)))
    for index, ((symbol, charge), (x, y)) in enumerate(zip(drawing.symbols, xy, strict=True)):
        ink: dict[str, Any] = {
            "color": style.ELEMENT_COLORS.get(symbol, style.INK),
            "fontsize": look.text,
        }
        axes.text(x, y, symbol, ha="center", va="center_baseline", fontweight="bold", **ink)
        if charge:
            spot = xy[index] + look.atom_radius * _free_corner(drawing, xy, index)
            axes.text(spot[0], spot[1], charge, ha="center", va="center", **ink)
    _label(axes, drawing, xy)


def _draw_bond(axes: Axes, bond: Bond, start: Floats, end: Floats, color: Any) -> None:
    """Draw the strokes of a bond between the rims of two atoms."""
    look = style.STYLE
    along, across = _axes_of(start, end)
    ends = np.array([start + along * look.atom_radius, end - along * look.atom_radius])
    offsets = STROKES.get(bond.sign, (0,))
    width = look.bond_width if len(offsets) == 1 else look.stroke_width
    # a dark rim keeps the light end of the colour map visible on white
    rim = [
        patheffects.Stroke(linewidth=width + look.rim_line, foreground=style.INK),
        patheffects.Normal(),
    ]
    for offset in offsets:
        stroke: dict[str, Any] = {"linewidth": width, "color": color, "path_effects": rim}
        if bond.sign not in STROKES:
            stroke["linestyle"] = ":"
        elif bond.sign == ":" and offset > 0:
            stroke |= {"linestyle": "--", "dashes": look.stroke_dashes}
        place = ends + offset * (look.stroke_width + look.stroke_gap) / 2 * across
        axes.plot(*place.T, solid_capstyle="butt", **stroke)


def _axes_of(start: Floats, end: Floats) -> tuple[Floats, Floats]:
    """Return unit vectors (2,) along and across a bond."""
    along = (end - start) / np.linalg.norm(end - start)
    return along, np.array([-along[1], along[0]])


def _free_corner(drawing: Drawing, xy: Floats, atom: int) -> Floats:
    """Return the diagonal (2,) that points least along an atom's bonds: where its charge goes."""
    away = [
        xy[bond.i] + xy[bond.j] - 2 * xy[atom] for bond in drawing.bonds if atom in (bond.i, bond.j)
    ]
    corners = [np.array(corner) for corner in ((1, 1), (-1, 1), (1, -1), (-1, -1))]
    return min(
        corners, key=lambda corner: max((float(corner @ step) for step in away), default=0.0)
    )


def _label(axes: Axes, drawing: Drawing, xy: Floats) -> None:
    """Write D beside each bond, on its outer side, off atoms, bonds and other labels."""
    look = style.STYLE
    atoms = [text.get_window_extent().transformed(axes.transData.inverted()) for text in axes.texts]
    texts = []
    for bond in drawing.bonds:
        middle, across = (xy[bond.i] + xy[bond.j]) / 2, _axes_of(xy[bond.i], xy[bond.j])[1]
        if np.dot(across, middle - xy.mean(axis=0)) < 0:
            across = -across
        reach = (
            look.name_offset + bond.half_width + abs(across) @ (look.small_note, bond.height / 2)
        )
        x, y = middle + reach * across
        size: dict[str, Any] = {"fontsize": look.small_note, "linespacing": 1.0}
        label = "\n".join(filter(None, (bond.label(), bond.references())))
        texts.append(axes.text(x, y, label, ha="center", va="center", **size))
    steps = np.linspace(0, 1, 12)[:, None]
    strokes = [
        box
        for bond in drawing.bonds
        for box in boxes_around(
            axes, xy[bond.i] + steps * (xy[bond.j] - xy[bond.i]), bond.half_width + look.rim_line
        )
    ]
    push_off(axes, texts, [*atoms, *strokes])
    for text, bond in zip(texts, drawing.bonds, strict=True):
        _set_apart(axes, text, bond)


def _set_apart(axes: Axes, text: Text, bond: Bond) -> None:
    """Give each line of a placed label its colour."""
    look = style.STYLE
    box = text.get_window_extent().transformed(axes.transData.inverted())
    text.set(text=bond.label(), y=box.y1, va="top")
    size: dict[str, Any] = {"fontsize": look.small_note, "linespacing": 1.0}
    lines = bond.references().split("\n") if bond.beside else []
    # the lines of a label have one height: the page's units are points
    y = text.get_window_extent().transformed(axes.transData.inverted()).y0
    step = (y - box.y0) / max(len(lines), 1)
    for k, (line, one) in enumerate(zip(lines, bond.beside, strict=True)):
        place = (text.get_position()[0], y - (k + 0.5) * step)
        axes.text(*place, line, ha="center", va="center", color=BESIDE[one][1], **size)
