"""The look of all figures: colours, and a :class:`Style` with every size of type, line and marker.

A journal's one-column figures are another ``Style``: change the defaults here, and nothing else.
Modules read ``style.STYLE`` when they draw. Colours are Okabe and Ito's (jfly.uni-koeln.de/color);
markers or line styles always differ as well, so that the figures also read in greyscale.
"""

from dataclasses import dataclass
from typing import Any, Final

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY, PALE, INK = "#767676", "#CCCCCC", "#333333"
SERIES_COLORS: Final = (BLUE, VERMILION, GREEN, PURPLE, BLACK, SKY, ORANGE)
SERIES_MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")
DATASET_FILLS: Final = ("full", "none", "left", "bottom", "right", "top")
ELEMENT_COLORS: Final = {
    "H": "#555555", "C": "#000000", "N": "#1F4FB4", "O": "#C00000", "F": "#2E7D32",
    "Cl": "#1B6B1B", "S": "#7A6000", "P": "#A35200", "Br": "#7A2A1E", "I": "#5E1A8A",
}  # fmt: skip

POINTS: Final = 72
"""Points of an inch."""
Look = dict[str, Any]
"""How something is drawn: keyword arguments of matplotlib."""


@dataclass(frozen=True)
class Style:
    """Sizes of a figure: the page in inches, all else in points; opacities from 0 to 1."""

    # the page
    width: float = 7.0  # double column
    row_height: float = 2.3  # of a row of panels, axis labels included
    line_height: float = 0.16  # of a line of a legend or note outside the panels
    category_height: float = 0.24  # of a row of a panel whose y axis names things
    narrowest_panel: float = 1.6  # axis labels included; with less room, panels go below each other
    dpi: int = 200

    # type
    font: str = "DejaVu Sans"  # ships with matplotlib: the same glyphs everywhere
    text: float = 8.0  # titles, axis labels, atoms
    note: float = 7.0  # tick labels, legends, remarks
    small_note: float = 6.5  # legends and scores above a panel, counts beside it
    name: float = 6.0  # names of points and of many rows
    pdf_fonttype: int = 42  # TrueType: journals refuse Type 3

    # lines
    axis_line: float = 0.6
    minor_tick_line: float = 0.4
    curve_line: float = 1.2
    strong_curve_line: float = 1.3  # the one curve that a panel is about
    weak_curve_line: float = 0.6  # all others of that panel
    fit_line: float = 0.9
    outline: float = 0.8  # of a histogram
    interval_line: float = 0.8
    crowded_interval_line: float = 0.6  # where intervals stand close together
    guide_line: float = 0.7  # identity, zero, another seed
    hair_line: float = 0.4  # between rows, from a point to its name
    swatch_line: float = 4.0  # colour in a legend
    rim_line: float = 0.8  # dark, around a drawn bond: wider than its colour by this

    # markers
    marker: float = 4.0
    point_marker: float = 3.6  # one bond or reaction of many
    path_marker: float = 2.5  # one step along a curve
    seed_marker: float = 2.2
    marker_edge: float = 1.0
    seed_marker_edge: float = 0.4
    smallest_area: float = 6.0  # points², where the area of a marker says a size
    largest_area: float = 50.0

    # opacity
    fill_alpha: float = 0.45
    band_alpha: float = 0.2
    shade_alpha: float = 0.4  # of a range of x
    seed_alpha: float = 0.6
    scatter_alpha: float = 0.7
    faint_alpha: float = 0.5  # what stands behind something else

    # offsets
    name_offset: float = 2.0  # from a point to its name
    corner: float = 2.5  # from the figure's rim to the run's name
    tick_length: float = 3.5

    # drawn molecules
    bond_length: tuple[float, float] = (33.0, 45.0)  # least, for the labels to fit, and largest
    atom_radius: float = 7.0  # where bonds end and charges stand
    bond_width: float = 4.0  # of a single bond
    stroke_width: float = 3.0  # of a stroke of a multiple bond
    stroke_gap: float = 1.8  # between the strokes
    stroke_dashes: tuple[float, float] = (1.6, 1.1)  # of a resonant bond's second stroke, in widths
    molecule_pad: tuple[float, float] = (15.0, 18.0)  # room for labels around the outermost atoms
    title_room: float = 18.0
    title_pad: float = 4.0
    bar_room: float = 60.0  # for the colour bar
    bar_size: tuple[float, float] = (10.0, 200.0)

    def rc(self) -> dict[Any, Any]:
        """Return matplotlib's parameters."""
        return {
            "font.family": self.font,
            "font.size": self.text,
            "axes.titlesize": self.text,
            "axes.labelsize": self.text,
            "xtick.labelsize": self.note,
            "ytick.labelsize": self.note,
            "legend.fontsize": self.note,
            "legend.frameon": False,
            "legend.handlelength": 2.2,
            "legend.handletextpad": 0.5,
            "legend.columnspacing": 1.3,
            "legend.labelspacing": 0.35,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.linewidth": self.axis_line,
            "xtick.major.width": self.axis_line,
            "ytick.major.width": self.axis_line,
            "xtick.minor.width": self.minor_tick_line,
            "ytick.minor.width": self.minor_tick_line,
            "xtick.major.size": self.tick_length,
            "ytick.major.size": self.tick_length,
            "lines.linewidth": self.curve_line,
            "lines.markersize": self.marker,
            "lines.markeredgewidth": self.marker_edge,
            "pdf.fonttype": self.pdf_fonttype,
            "svg.fonttype": "path",
            "svg.hashsalt": "e3d",  # element ids would be random without it
        }


STYLE = Style()
"""The style of this study."""


def series_look(index: int) -> tuple[str, str]:
    """Return colour and marker of the series at a place: of a model size, or of a reference."""
    color = SERIES_COLORS[index % len(SERIES_COLORS)]
    return color, SERIES_MARKERS[index % len(SERIES_MARKERS)]


_BESIDE: Final = (("^", PALE), ("o", "white"), ("D", INK), ("x", INK), ("s", "white"), ("v", PALE))
"""Markers and their fill: they differ in grey as well."""


def beside_look(index: int) -> Look:
    """Return the look of what D is shown beside: of a reference energy by its place, or a rival."""
    marker, fill = _BESIDE[index % len(_BESIDE)]
    size: Look = {"markersize": STYLE.point_marker, "markeredgewidth": STYLE.axis_line}
    return {"color": INK, "marker": marker, "markerfacecolor": fill, "linestyle": "none", **size}


@dataclass(frozen=True)
class Order:
    """How bonds of one order look."""

    name: str
    color: str
    marker: str


ORDERS: Final = {
    "-": Order("single", BLUE, "o"),
    "=": Order("double", VERMILION, "s"),
    "#": Order("triple", BLACK, "^"),
    ":": Order("aromatic or resonant", GREEN, "D"),
}
"""Look of each bond order, by the sign in the bond type."""
OTHER_ORDER: Final = Order("other", PURPLE, "v")


def order_sign(bond_type: str) -> str:
    """Return the sign of the bond order in a bond type (``=`` of ``C=O``)."""
    return next((letter for letter in bond_type if not letter.isalnum()), "")


def order_of(bond_type: str) -> Order:
    """Return the look of a bond type's order."""
    return ORDERS.get(order_sign(bond_type), OTHER_ORDER)
