"""Bond energies D on drawn molecules, relaxed geometry, mean over the seeds of the reference run."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdCoordGen, rdDepictor, rdMolDescriptors

from e3d.chemistry import canonical_smiles, parse
from e3d.errors import InputError, choices
from e3d.fields import LABELS, NAMED_BONDS
from e3d.fields import Column as C
from e3d.figures import style

MAX_PANELS: Final = 9
_COLUMNS: Final = (3, 2, 1)
_BAR = 60.0  # width left for the colour bar, points
_TITLE = 18.0  # height of a panel's title, points
_PAD = (15.0, 18.0)  # room for labels around the outermost atoms, points
_MIN_SCALE, _MAX_SCALE = 22.0, 30.0  # points per Å: room for labels; small molecules do not fill the page
_LABEL_SIZES = (7.5, 6.0)
_ATOM_RADIUS = 6.0
_CHARGE_OFFSET: Final = (6.5, 5.0)
_BOND = 1.5  # mean length of a drawn bond, Å
_SWEEPS = 4  # each label is placed again once the others are known
_LINES: Final[dict[str, tuple[tuple[float, float, str], ...]]] = {
    "-": ((0.0, 4.0, "-"),),
    "=": ((-2.4, 3.0, "-"), (2.4, 3.0, "-")),
    "#": ((-3.8, 2.6, "-"), (0.0, 2.6, "-"), (3.8, 2.6, "-")),
    ":": ((-2.4, 3.0, "-"), (2.4, 3.0, "--")),
}
"""Offset across the bond (points), width (points) and line style of each stroke."""
_ELEMENT_COLORS: Final = {
    "H": "#555555", "C": "#000000", "N": "#1F4FB4", "O": "#C00000", "F": "#2E7D32", "Cl": "#1B6B1B",
    "S": "#7A6000", "P": "#A35200", "Br": "#7A2A1E", "I": "#5E1A8A",
}  # fmt: skip
Array = NDArray[np.float64]


@dataclass(frozen=True)
class _Bond:
    """A bond between atoms i and j: sign of its order, D over the seeds (eV)."""

    i: int
    j: int
    sign: str
    d: style.OverSeeds

    def label(self) -> tuple[str, str]:
        """Return the mean, and half the range over the seeds if there are several."""
        half = (self.d.seed_max - self.d.seed_min) / 2
        return f"{self.d.mean:.1f}", f"±{half:.1f}" if self.d.n_seeds > 1 else ""


@dataclass(frozen=True)
class _Drawing:
    """A molecule to draw: title, atom symbols, 2-D coordinates ``xy`` (atoms, 2) in Å, bonds."""

    title: str
    symbols: tuple[tuple[str, str], ...]
    xy: Array
    bonds: tuple[_Bond, ...]

    @property
    def extent(self) -> Array:
        """Width and height (2,) in Å."""
        return np.asarray(np.ptp(self.xy, axis=0), dtype=np.float64)


def make(tables: dict[str, pd.DataFrame], molecules: Sequence[str]) -> Figure:
    """Draw up to nine ``molecules`` (SMILES) with D on their bonds; without a choice the table's first.

    Raises
    ------
    InputError
        If a molecule is not in the table of bond means, or there are too many.
    """
    means = tables["decompose/bond_means"]
    means = means[means[C.STRUCTURES] == NAMED_BONDS]
    run = style.reference(tables["decompose/summary"])
    means = style.at_run(means, run)
    drawings = [_drawing(means[means[C.MOLECULE] == name]) for name in _chosen(means, molecules)]
    energies = [bond.d.mean for drawing in drawings for bond in drawing.bonds]
    low, high = min(energies), max(energies)
    norm = Normalize(low, high) if high > low else Normalize(low - 0.5, high + 0.5)
    figure = _page(drawings, ScalarMappable(norm, mpl.colormaps["viridis"]))
    style.name_run(figure, run)
    return figure


def _chosen(means: pd.DataFrame, molecules: Sequence[str]) -> list[str]:
    known = list(dict.fromkeys(means[C.MOLECULE].astype(str)))
    chosen = [canonical_smiles(Chem.AddHs(parse(smiles))) for smiles in molecules] or known[:MAX_PANELS]
    for given, smiles in zip(molecules, chosen, strict=False):
        if smiles not in known:
            raise InputError(
                f"molecule {given!r} is not among the molecules of the named bonds - {choices(smiles, known)}. "
                "Choose from these in figures: molecules."
            )
    if not 0 < len(chosen) <= MAX_PANELS:
        raise InputError(
            f"{len(chosen)} molecules to draw - the figure holds 1 to {MAX_PANELS}. Change figures: molecules."
        )
    return chosen


def _drawing(rows: pd.DataFrame) -> _Drawing:
    smiles = str(rows[C.SMILES].iloc[0])
    rows = rows[rows[C.SMILES] == smiles]
    mol = parse(smiles)
    place = {atom.GetAtomMapNum() - 1: atom.GetIdx() for atom in mol.GetAtoms()}
    xy = _flat(mol)
    bonds = tuple(
        _Bond(*pair, style.order_sign(str(part[C.BOND_TYPE].iloc[0])), _over(part))
        for pair, part in _by_pair(rows, place).items()
    )
    charges = {0: "", 1: "$^+$", -1: "$^-$"}
    symbols = tuple(
        (atom.GetSymbol(), charges.get(atom.GetFormalCharge(), f"$^{{{atom.GetFormalCharge():+d}}}$"))
        for atom in mol.GetAtoms()
    )
    formula = re.sub(r"(?<=[A-Za-z])(\d+)", r"$_{\1}$", rdMolDescriptors.CalcMolFormula(mol))
    formula = re.sub(r"([+-]\d*)$", r"$^{\1}$", formula)
    return _Drawing(f"{rows[C.MOLECULE].iloc[0]}   {formula}", symbols, xy - (xy.max(0) + xy.min(0)) / 2, bonds)


def _flat(mol: Chem.Mol) -> Array:
    """Return 2-D coordinates (atoms, 2) in Å: of RDKit's two layouts the one that keeps atoms farther apart."""
    layouts = []
    for lay_out in (rdDepictor.Compute2DCoords, rdCoordGen.AddCoords):
        copy = Chem.Mol(mol)
        lay_out(copy)
        xy = np.array(copy.GetConformer().GetPositions()[:, :2], dtype=np.float64)
        first, second = np.triu_indices(len(xy), k=1)
        distances = np.linalg.norm(xy[first] - xy[second], axis=1)
        bonds = [np.linalg.norm(xy[b.GetBeginAtomIdx()] - xy[b.GetEndAtomIdx()]) for b in copy.GetBonds()]
        layouts.append((float(distances.min() / np.mean(bonds)), xy * (_BOND / np.mean(bonds))))
    (nearest, default), (other, alternative) = layouts
    return np.asarray(alternative if other > nearest + 0.1 else default)


def _by_pair(rows: pd.DataFrame, place: dict[int, int]) -> dict[tuple[int, int], pd.DataFrame]:
    """Return the rows of each bond (one per seed) by the atoms' places in the drawing."""
    pairs = sorted(set(zip(rows[C.I].astype(int), rows[C.J].astype(int), strict=True)))
    return {(place[i], place[j]): rows[(rows[C.I] == i) & (rows[C.J] == j)] for i, j in pairs}


def _over(part: pd.DataFrame) -> style.OverSeeds:
    return style.over_seeds(part, C.BOND_ENERGY)


def _page(drawings: Sequence[_Drawing], colors: ScalarMappable) -> Figure:
    """Lay the panels out in rows, every molecule at one scale; a panel's data units are points."""
    widest = max(drawing.extent[0] for drawing in drawings)
    space = style.WIDTH * 72 - _BAR
    scales = {n: min(_MAX_SCALE, (space / n - 2 * _PAD[0]) / max(widest, 1e-9)) for n in _COLUMNS if n <= len(drawings)}
    columns = next((n for n, scale in scales.items() if scale >= _MIN_SCALE), 1)
    width, scale = space / columns, scales[columns]
    rows = [drawings[start : start + columns] for start in range(0, len(drawings), columns)]
    heights = [max(d.extent[1] for d in row) * scale + 2 * _PAD[1] + _TITLE for row in rows]
    page = np.array([style.WIDTH * 72, max(sum(heights), 110.0)])
    figure = Figure(figsize=tuple(page / 72))
    top = page[1] - (page[1] - sum(heights)) / 2
    for row, height in zip(rows, heights, strict=True):
        top -= height
        for column, drawing in enumerate(row):
            box = np.array([column * width, top, width, height])
            axes = figure.add_axes((box / np.tile(page, 2)).tolist())
            axes.set(xlim=(-width / 2, width / 2), ylim=(-(height - _TITLE) / 2, (height + _TITLE) / 2))
            axes.set_axis_off()
            axes.text(0, (height + _TITLE) / 2 - 4, drawing.title, ha="center", va="top", fontsize=8)
            _draw(axes, drawing, scale, colors)
    bar_height = min(page[1] * 0.8, 200.0)
    bar = np.array([page[0] - _BAR + 8, (page[1] - bar_height) / 2, 10, bar_height])
    figure.colorbar(colors, cax=figure.add_axes((bar / np.tile(page, 2)).tolist()), label=LABELS[C.BOND_ENERGY])
    return figure


def _draw(axes: Axes, drawing: _Drawing, scale: float, colors: ScalarMappable) -> None:
    xy = drawing.xy * scale
    for bond in drawing.bonds:
        start, end = xy[bond.i], xy[bond.j]
        along = (end - start) / np.linalg.norm(end - start)
        across = np.array([-along[1], along[0]])
        ends = np.array([start + along * (_ATOM_RADIUS + 1), end - along * (_ATOM_RADIUS + 1)])
        color = colors.to_rgba(np.array(bond.d.mean))
        for offset, width, linestyle in _LINES.get(bond.sign, ((0.0, 4.0, ":"),)):
            # a dark rim keeps the light end of the colour map visible on white
            rim = [patheffects.Stroke(linewidth=width + 0.8, foreground="#333333"), patheffects.Normal()]
            look: dict[str, Any] = {"linestyle": linestyle, "linewidth": width, "path_effects": rim}
            if linestyle == "--":
                look |= {"dashes": (1.6, 1.1)}
            axes.plot(*(ends + offset * across).T, color=color, solid_capstyle="butt", **look)
    for (symbol, charge), (x, y) in zip(drawing.symbols, xy, strict=True):
        ink = _ELEMENT_COLORS.get(symbol, "#333333")
        axes.text(x, y, symbol, ha="center", va="center_baseline", fontsize=8, fontweight="bold", color=ink)
        if charge:
            spot = _charge_spot(drawing, xy, np.array([x, y]))
            axes.text(spot[0], spot[1], charge, ha="center", va="center", fontsize=8, color=ink)
    for bond, center in zip(drawing.bonds, _label_centers(axes, drawing, xy), strict=True):
        _write(axes, bond.label(), center)


def _charge_spot(drawing: _Drawing, xy: Array, atom: Array) -> Array:
    """Return where the charge of an atom goes (2,): the corner of its symbol that points least along its bonds."""
    ends = [(xy[bond.i], xy[bond.j]) for bond in drawing.bonds]
    away = [start + end - 2 * atom for start, end in ends if np.allclose(start, atom) or np.allclose(end, atom)]
    corners = [(1, 1), (-1, 1), (1, -1), (-1, -1)]
    free = min(corners, key=lambda corner: max((float(np.dot(corner, step)) for step in away), default=0.0))
    return atom + np.array(free) * _CHARGE_OFFSET


def _write(axes: Axes, label: tuple[str, str], center: Array) -> None:
    """Write the mean and, smaller and below it, half the range over the seeds around ``center``."""
    half = _label_box(label)[1]
    for text, size, y, va in zip(label, _LABEL_SIZES, (half, -half), ("top", "bottom"), strict=True):
        axes.text(center[0], center[1] + y, text, ha="center", va=va, fontsize=size, linespacing=1.0)


def _label_box(label: tuple[str, str]) -> Array:
    """Return half the width and half the height (2,) of a label, in points."""
    sizes = [style.text_size(text, size) for text, size in zip(label, _LABEL_SIZES, strict=True) if text]
    return np.array([max(width for width, _ in sizes) + 1, sum(height for _, height in sizes) + 2 * len(sizes)]) / 2


def _label_centers(axes: Axes, drawing: _Drawing, xy: Array) -> list[Array]:
    """Put each label beside its bond where it meets least of atoms, bonds, other labels and the rim."""
    points = [xy]
    for bond in drawing.bonds:  # bonds as rows of points: a box is free if it holds none
        steps = np.linspace(0, 1, 12)[:, None]
        points.append(xy[bond.i] + steps * (xy[bond.j] - xy[bond.i]))
    for (_, charge), atom in zip(drawing.symbols, xy, strict=True):
        if charge:
            points.append(_charge_spot(drawing, xy, atom)[None])
    obstacles = np.concatenate(points)
    clearance = np.concatenate([np.full(len(xy), 6.0), np.full(len(obstacles) - len(xy), 3.5)])
    limits = np.array([axes.get_xlim()[1], -axes.get_ylim()[0]])
    boxes = [_label_box(bond.label()) for bond in drawing.bonds]
    options = [_candidates(bond, xy, half) for bond, half in zip(drawing.bonds, boxes, strict=True)]
    centers: list[Array | None] = [None] * len(boxes)

    def cost(index: int, choice: int) -> float:
        half, center = boxes[index], options[index][choice]
        gap = np.abs(obstacles - center) - half - clearance[:, None]
        hidden = np.clip(-gap, 0, None).prod(axis=1).sum() + 0.4 * choice
        for other, size in zip(centers, boxes, strict=True):
            if other is not None and other is not centers[index]:
                hidden += 50 * np.clip(half + size + 1 - np.abs(center - other), 0, None).prod()
        return float(hidden + 20 * np.clip(np.abs(center) + half - limits, 0, None).sum())

    for _ in range(_SWEEPS):
        for index, choices_here in enumerate(options):
            best = min(range(len(choices_here)), key=partial(cost, index))
            centers[index] = choices_here[best]
    return [center for center in centers if center is not None]


def _candidates(bond: _Bond, xy: Array, half: Array) -> list[Array]:
    """Return possible centres of a label beside a bond, the outer side and the middle first."""
    start, end = xy[bond.i], xy[bond.j]
    along = (end - start) / np.linalg.norm(end - start)
    across = np.array([-along[1], along[0]])
    if np.dot(across, (start + end) / 2 - xy.mean(axis=0)) < 0:
        across = -across
    strokes = _LINES.get(bond.sign, ((0.0, 4.0, ":"),))
    reach = float(np.abs(across) @ half) + max(abs(offset) + width / 2 for offset, width, _ in strokes) + 1.5
    return [
        start + (end - start) * fraction + side * (reach + extra) * across
        for extra in (0.0, 2.0, 5.0)
        for fraction in (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.18, 0.82)
        for side in (1, -1)
    ]
