"""Figures from small made-up tables: they draw, are reproducible, and follow the data."""

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from rdkit import Chem

from e3d.errors import InputError
from e3d.fields import Column as C
from e3d.named_bonds.references import REFERENCES
from e3d.statistics import Estimate
from e3d.statistics.crossed import over_seeds
from e3d.tables import read, write
from study import runs
from study.decompose.drawn import drawing_of
from study.figures import saving, style
from study.figures.draw import draw
from study.figures.drawing import page, panels
from study.figures.text import condensed, named_bond
from study.null.names import COARSE
from study.stages import FIGURES
from study_tables import AMMONIUM, FORMALDEHYDE, MAPPED, METHANOL, TWO, maker, save_tables, study

DRAWN = ("molecules", "parity", "bonds", "distributions", "learning", "emergence")
"""Figures tested here; those of the controls are tested with their stages."""
ONE_COLUMN = style.Style(
    width=3.35, row_height=1.7, line_height=0.13, text=6.5, note=5.5, small_note=5.0, name=4.5,
    marker=3.0, bond_length=(24.0, 33.0), bar_room=48.0,
)  # fmt: skip
SIZES = {
    "alpha", "capsize", "dpi", "elinewidth", "figsize", "fontsize", "labelsize", "linewidth",
    "linewidths", "lw", "markeredgewidth", "markersize", "mew", "ms", "rect", "s", "size", "xytext",
}  # fmt: skip
"""Arguments of matplotlib that are sizes of type, lines, markers or pages, or opacities."""


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize(
    "grid", [TWO, {"models": ("micro",), "datasets": ("mini", "large")}], ids=["two", "datasets"]
)
def test_draws(name: str, grid: dict[str, Any]) -> None:
    figure = maker(name, study(**grid))()
    assert figure.axes
    figure.draw_without_rendering()


@pytest.mark.parametrize("name", DRAWN)
def test_same_bytes_and_no_global_state(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name != "parity":  # embedding whole fonts takes most of the time: once is enough
        monkeypatch.setattr(style, "STYLE", replace(style.STYLE, pdf_fonttype=3))
    tables = study()
    before = dict(mpl.rcParams)
    for turn in ("first", "second"):
        saving.save(maker(name, tables), tmp_path / turn / f"{name}.png")
    assert dict(mpl.rcParams) == before
    first, second = (sorted((tmp_path / turn).iterdir()) for turn in ("first", "second"))
    assert [path.suffix for path in first] == [".pdf", ".png", ".svg"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


@pytest.mark.parametrize("name", DRAWN)
def test_axis_labels_carry_units(name: str) -> None:
    units = {"learning": {"(meV/Å)"}}.get(name, {"(eV)"})
    axes = maker(name, study())().axes
    labels = [label for one in axes for label in (one.get_xlabel(), one.get_ylabel()) if label]
    assert all(any(unit in label for label in labels) for unit in units), labels


def test_draw_reads_tables_and_figures_change_none(tmp_path: Path) -> None:
    tables = study(seeds=2)
    draw("molecules", [save_tables(tables, tmp_path)], tmp_path / "out.png", molecules=[METHANOL])
    assert (tmp_path / "out.svg").is_file()
    for name in DRAWN:
        maker(name, tables)()
    for name, table in study(seeds=2).items():
        pd.testing.assert_frame_equal(table, tables[name])


def test_a_fault_of_a_figure_is_not_called_one_of_whole_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, input_error: Any
) -> None:
    """Tables that their notes are of are as their rules wrote them; of others, nobody knows."""

    def fail(_: object) -> Figure:
        raise ValueError("a fault")

    monkeypatch.setattr("study.null.figure_parity.make", fail)
    folder = save_tables(study(), tmp_path / "results")
    with input_error("figure 'parity': cannot be made of", "named.csv", "test_figures.py", "note"):
        draw("parity", [folder], tmp_path / "parity.png")
    for name in FIGURES["parity"].tables:
        write(read(folder / f"{name}.csv"), folder / f"{name}.csv")
    with pytest.raises(ValueError, match="a fault") as error:
        draw("parity", [folder], tmp_path / "parity.png")
    assert not isinstance(error.value, InputError)


def test_a_figure_is_written_under_its_number_too(tmp_path: Path) -> None:
    assert [FIGURES[name].number for name in FIGURES] == list(range(1, len(FIGURES) + 1))
    assert FIGURES["parity"].number == 2
    tables = save_tables(study(), tmp_path)
    draw(
        "parity", [tables], tmp_path / "out" / "parity.png", numbered=tmp_path / "out" / "fig2.pdf"
    )
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"fig2.pdf", "parity.pdf", "parity.png", "parity.svg"}
    assert (tmp_path / "out" / "fig2.pdf").read_bytes() == (
        tmp_path / "out" / "parity.pdf"
    ).read_bytes()


def test_unknown_molecule_lists_the_known() -> None:
    with pytest.raises(InputError, match=r"'CCO' is not among .*CO, C=O"):
        maker("molecules", study(), molecules=["CCO"])()


def test_molecules_shows_all_by_default_and_refuses_too_many() -> None:
    figure = maker("molecules", study(), molecules=[])()
    assert len(figure.axes) == len(MAPPED) + 1  # and the colour bar
    with pytest.raises(InputError, match="10 molecules to draw"):
        maker("molecules", study(), molecules=[METHANOL] * 10)()


def test_molecules_labels_mean_and_half_range() -> None:
    for seeds, label in ((1, "4.0"), (2, "4.2\n±0.2")):
        figure = maker("molecules", study(seeds=seeds), molecules=[FORMALDEHYDE])()
        assert [text.get_text() for text in figure.axes[0].texts].count(label) == 3


def test_references_stand_below_d_where_no_other_bond_could_be_meant() -> None:
    """Named is C-H of methanol, whose three are equivalent; ethanol's are not."""
    tables = study(seeds=2)
    figure = maker("molecules", tables, molecules=[METHANOL, FORMALDEHYDE])()
    written = [[text.get_text() for text in axes.texts] for axes in figure.axes[:2]]
    assert [texts.count("$D_e$ 4.4") for texts in written] == [3, 0]
    assert [texts.count("mean 4.4") for texts in written] == [3, 0]
    said = figure.get_suptitle()
    assert said.startswith("D is nearer to mean bond energies")
    assert "0 of 1 drawn bond" in said
    ethanol = "[C:1]([C:2]([O:3][H:9])([H:7])[H:8])([H:4])([H:5])[H:6]"
    bonds = pd.DataFrame({C.I: [0, 0, 1, 1], C.J: [1, 3, 2, 6]})
    rows = bonds.assign(**{C.BOND_TYPE: ["C-C", "C-H", "C-O", "C-H"], C.SMILES: ethanol})
    rows = rows.assign(**{C.MOLECULE: "CCO"}, **{C.BOND_ENERGY: 4.0}, **{C.SEED: 0})
    named = pd.DataFrame({C.MOLECULE: "CCO", C.BOND_TYPE: ["C-H", "C-O"]})
    named = named.assign(de_eV=4.2, mean_bond_energy_eV=[np.nan, 3.6])
    drawn = drawing_of(rows, named)
    assert drawn.title == "CH₃–CH₂–OH"
    assert [{one.name: v for one, v in bond.beside.items()} for bond in drawn.bonds] == [
        {}, {}, {"de": 4.2, "mean_bond_energy": 3.6}, {},
    ]  # fmt: skip


def test_a_figure_of_molecules_without_references_says_how_large_d_is() -> None:
    tables = study()
    tables["bde/named"] = tables["bde/named"].assign(de_eV=np.nan)
    figure = maker("molecules", tables)()
    assert figure.get_suptitle() == "D of the drawn bonds is 4.0 to 4.3 eV"


@pytest.mark.parametrize(
    ("smiles", "formula"),
    [
        ("CC=O", "CH₃–CH=O"), ("C#C", "CH≡CH"), ("O=C=O", "O=C=O"), ("CN", "CH₃–NH₂"), ("O", "H₂O"),
        ("C", "CH₄"), ("CC(C)C", "CH₃–CH(CH₃)–CH₃"), ("[NH4+]", "NH₄⁺"), ("c1ccccc1", "C₆H₆"),
        ("[Cl-]", "Cl⁻"), ("[H][H]", "H–H"), ("[C-]#[O+]", "C⁻≡O⁺"),
    ],
)  # fmt: skip
def test_molecules_are_written_as_chemists_write_them(smiles: str, formula: str) -> None:
    assert condensed(Chem.AddHs(Chem.MolFromSmiles(smiles))) == formula


def test_named_bonds_are_written_as_chemists_write_them() -> None:
    assert [*map(named_bond, ("HC#CH", "CH3-C2H5", "OC=O (CO2->CO+O)", "allyl-H (propene)"))] == [
        "HC≡CH", "CH₃–C₂H₅", "OC=O", "allyl–H",
    ]  # fmt: skip


def test_labels_of_a_molecule_do_not_overlap() -> None:
    figure = maker("molecules", study(seeds=2), molecules=[METHANOL, AMMONIUM])()
    figure.draw_without_rendering()
    for axes in figure.axes[:2]:
        boxes = [text.get_window_extent().padded(-0.5) for text in axes.texts if text.get_text()]
        for index, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[index + 1 :])


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        ((0.2, 0.1, 0.3), "D identifies the bond type better than bond length does (80 and 60 %"),
        ((-0.2, -0.3, -0.1), "Bond length identifies the bond type better than D does (80 and"),
        ((0.2, -0.1, 0.5), "Neither D nor bond length is shown to identify the bond type better"),
        ((np.nan, np.nan, np.nan), "D of the commonest bond types is on average 3.7 to 8.6 eV"),
    ],
)
def test_the_sentence_above_distributions_follows_the_interval(
    gap: tuple[float, float, float], words: str
) -> None:
    tables = study()
    shares = tables["entropy/decomposability"]
    ends = [f"fraction_knn{end}" for end in ("", "_lo", "_hi")]
    shares.loc[shares["measure"] == "I(D/sd; type)", "fraction_knn"] = 0.8 if gap[0] else np.nan
    shares.loc[shares["measure"] == "I(r; type)", "fraction_knn"] = 0.6 + 0 * gap[0]
    shares.loc[shares["measure"] == "I(D/sd; type) - I(r; type)", ends] = gap
    assert maker("distributions", tables)().get_suptitle().replace("\n", " ").startswith(words)


def test_distributions_add_up_the_seeds_and_show_the_commonest_types() -> None:
    tables = study(seeds=2)
    histogram = tables["entropy/histogram"]
    many = [histogram.assign(**{C.BOND_TYPE: f"X{k}-X", C.COUNT: 99}) for k in range(3)]
    tables["entropy/histogram"] = pd.concat([histogram, *many])
    rows = [text.get_text() for text in maker("distributions", tables)().axes[0].get_yticklabels()]
    assert len(rows) == 8, "of nine types"
    assert "C–C\n9 bonds" in rows, "of each seed"


@pytest.mark.parametrize(
    ("gaps", "words"),
    [
        ((0.4, 0.4, 0.4), "Bond additivity is nearer than D to BDE298, De or mean bond energies"),
        ((-0.4, 0.4, 0.1), "D is nearer than bond additivity to BDE298; bond additivity is nearer"
         " than D to De; neither is shown nearer to mean bond energies"),
        ((0.1, 0.1, 0.1), "Neither D nor bond additivity is shown nearer to BDE298, De or mean"),
        ((), "D of the named bonds is 3.6 to 8.5 eV"),
    ],
)  # fmt: skip
def test_the_sentence_above_parities_follows_the_intervals(
    gaps: tuple[float, ...], words: str
) -> None:
    tables = study()
    compare = tables["null/compare"]
    for name, gap in zip(REFERENCES, gaps, strict=False):
        columns = ["difference", "difference_lo", "difference_hi"]
        compare.loc[compare["reference"] == name, columns] = (gap, gap - 0.3, gap + 0.3)
    if not gaps:
        tables["null/compare"] = compare.iloc[:0]
    assert maker("parity", tables)().get_suptitle().replace("\n", " ").startswith(words)


def test_errors_of_d_and_additivity_are_of_the_same_bonds() -> None:
    tables = study()
    named = tables["null/named"]
    named.loc[named[C.BOND_TYPE] == "C-H", COARSE.column] = np.nan
    above, below = (maker("parity", tables)().axes[place] for place in (0, 3))
    counts = [
        sum(len(line.get_xdata()) for line in axes.lines if line.get_marker() in "os^D")
        for axes in (above, below)
    ]
    assert counts == [5, 4], "one of six bonds has no reference, one no additivity"
    (crosses,) = [line for line in below.lines if line.get_marker() == "x"]
    assert len(crosses.get_xdata()) == 4


def test_bonds_are_one_of_each_type_with_most_references() -> None:
    tables = study(seeds=2)
    named = tables["null/named"]
    named.loc[named[C.BOND_TYPE] == "C#C", "mean_bond_energy_eV"] = np.nan
    poorer = named[named[C.BOND_TYPE] == "C-H"].assign(bond="HC#C-H", de_eV=np.nan)
    tables["null/named"] = pd.concat([poorer, named])
    figure = maker("bonds", tables)()
    table = [text.get_text() for text in figure.axes[0].texts]
    assert table[:6] == ["bond (eV)", "$D$", "BDE$_{298}$", "$D_e$", "mean", "additivity"]
    rows = [table[start : start + 6] for start in range(6, len(table), 6)]
    assert len(rows) == 6
    assert rows[0] == ["bond C≡C", "8.55 ±0.05", "9.10", "9.10", "–", "8.60"]
    assert rows[-1][0] == "bond C–C"
    assert not any("HC≡C" in row[0] for row in rows)


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ((0.6, 0.9), "D orders bond types as BDE298 does (Spearman's ρ 0.80 [0.60, 0.90])"),
        ((-0.2, 0.9), "D is not shown to order bond types as BDE298 does (Spearman's ρ 0.80 [−0.2"),
        ((np.nan, np.nan), "D is not shown to order bond types as BDE298 does (Spearman's ρ 0.80"),
    ],
)
def test_the_sentence_above_bonds_follows_the_interval(
    ends: tuple[float, float], words: str
) -> None:
    tables = study()
    columns = [f"between_types_spearman_{end}" for end in ("lo", "hi")]
    tables["bde/summary"][columns] = ends
    assert maker("bonds", tables)().get_suptitle().replace("\n", " ").startswith(words)


def test_missing_values_draw() -> None:
    tables = study(**TWO)
    tables["null/compare"] = tables["null/compare"].iloc[:0]
    tables["bde/summary"].loc[:, ["within_types_kendall", "mae_eV_lo", "mae_eV_hi"]] = np.nan
    tables["bde/summary"] = tables["bde/summary"].iloc[: len(tables["bde/summary"]) // 2]
    tables["entropy/entropy"] = tables["entropy/entropy"].iloc[:0]
    tables["scaling/fits"] = tables["scaling/fits"].iloc[:0]
    for name in ("parity", "bonds", "learning", "emergence"):
        maker(name, tables)().draw_without_rendering()


def test_reference_is_the_largest_set_then_the_largest_model() -> None:
    assert runs.reference(study(**TWO)["decompose/summary"]) == ("mini", "micro", 128)


def test_over_seeds_adds_what_molecules_and_seeds_leave_open() -> None:
    ends = {"x": [1.0, 1.2, 1.4], "x_lo": [0.5, 0.6, 0.9], "x_hi": [1.5, 1.8, 1.9]}
    part = pd.DataFrame({C.SEED: [0, 1, 2], **ends})
    found = runs.over_seeds(part, "x")
    assert (found.mean, found.seed_min, found.seed_max) == pytest.approx((1.2, 1.0, 1.4))
    assert found.n_seeds == 3
    expected = over_seeds([Estimate(*row) for row in zip(*ends.values(), strict=True)])
    assert (found.lo, found.hi) == pytest.approx((expected.lo, expected.hi))
    half = (found.hi - found.lo) / 2
    assert half > 0.533, "more than over molecules"
    alone = runs.over_seeds(part.iloc[:1], "x")
    assert (alone.lo, alone.hi) == (0.5, 1.5)
    assert not runs.over_seeds(part.drop(columns=["x_lo", "x_hi"]), "x").has_interval


def test_reference_is_of_the_dataset_with_most_runs() -> None:
    grid, beside = (
        study(**TWO)["decompose/summary"],
        study(datasets=("alone",))["decompose/summary"],
    )
    summary = pd.concat([beside.assign(**{C.N_TRAIN: 512}), grid])
    assert runs.datasets(summary) == ["mini", "alone"]
    assert runs.reference(summary) == ("mini", "micro", 128)


def test_clip_paths_are_named_by_their_order() -> None:
    shape = (
        '<path clip-path="url(#p{0})"/><clipPath id="p{0}"><rect/></clipPath><use fill="url(#h1)"/>'
    )
    named = [saving._number_clips(shape.format(name)) for name in ("00ff", "1234")]
    assert named[0] == named[1]
    assert named[0].count("clip0") == 2
    assert "url(#h1)" in named[0]


def sizes_in(source: str) -> list[str]:
    """Arguments that give a size as a number, as code; 0 and 1 are no sizes."""
    given: list[tuple[str, ast.expr]] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            given += [(word.arg or "", word.value) for word in node.keywords]
        elif isinstance(node, ast.Dict):
            given += [
                (str(key.value), value)
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant)
            ]
    return [
        f"{name}={ast.unparse(value)}"
        for name, value in given
        if name in SIZES
        for part in ast.walk(value)
        if isinstance(part, ast.Constant)
        and isinstance(part.value, int | float)
        and part.value not in (0, 1)
    ]


def test_sizes_come_from_the_style() -> None:
    stages = Path(style.__file__).parents[1]
    drawing = [*stages.glob("figures/*.py"), *stages.glob("*/figure_*.py")]
    found = {path.name: sizes_in(path.read_text(encoding="utf-8")) for path in drawing}
    assert {f"figure_{name}.py" for name in FIGURES} <= found.keys()
    assert not {name: sizes for name, sizes in found.items() if sizes and name != "style.py"}
    assert sizes_in("plot(x, linewidth=0.7, alpha=0)") == ["linewidth=0.7"]
    assert sizes_in("look = {'markersize': 4, 'figsize': (width, 6.5)}") == [
        "markersize=4",
        "figsize=(width, 6.5)",
    ]


@pytest.mark.parametrize("name", DRAWN)
def test_another_style_is_one_object(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(style, "STYLE", ONE_COLUMN)
    figures = []

    def make() -> Figure:
        figures.append(maker(name, study(**TWO))())
        return figures[0]

    saving.save(make, tmp_path / f"{name}.png")
    assert figures[0].get_figwidth() == ONE_COLUMN.width
    drawn = {text.get_fontsize() for text in figures[0].findobj(Text) if text.get_text()}
    assert drawn <= {ONE_COLUMN.text, ONE_COLUMN.note, ONE_COLUMN.small_note, ONE_COLUMN.name}


def test_panels_go_below_each_other_where_the_page_is_narrow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wide = page(2, 1)
    panels(wide, 6, 3)
    monkeypatch.setattr(style, "STYLE", ONE_COLUMN)
    narrow = page(2, 1)
    panels(narrow, 6, 3)
    grids = [one.axes[0].get_gridspec() for one in (wide, narrow)]
    assert [grid.ncols for grid in grids if grid is not None] == [3, 2]
    assert narrow.get_figheight() == pytest.approx(
        1.5 * (2 * ONE_COLUMN.row_height + ONE_COLUMN.line_height)
    )
