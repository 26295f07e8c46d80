"""Figures from small made-up tables: they draw, are reproducible, and follow the data."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from e3d.errors import InputError
from e3d.fields import Column as C
from e3d.figures import FIGURES, draw, number, style
from study_tables import AMMONIUM, FORMALDEHYDE, MAPPED, METHANOL, TWO, maker, save_tables, study

DRAWN = ("molecules", "distributions", "parity", "learning", "emergence")
"""Figures tested here; those of the controls are tested with their stages."""


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("grid", [TWO, {"models": ("micro",), "datasets": ("mini", "large")}], ids=["two", "datasets"])
def test_draws(name: str, grid: dict[str, Any]) -> None:
    figure = maker(name, study(**grid))()
    assert figure.axes
    figure.draw_without_rendering()


@pytest.mark.parametrize("name", DRAWN)
def test_same_bytes_and_no_global_state(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name != "parity":  # embedding whole fonts takes most of the time: once is enough
        monkeypatch.setitem(style.STYLE, "pdf.fonttype", 3)
    tables = study()
    before = dict(mpl.rcParams)
    for turn in ("first", "second"):
        style.save(maker(name, tables), tmp_path / turn / f"{name}.png")
    assert dict(mpl.rcParams) == before
    first, second = (sorted((tmp_path / turn).iterdir()) for turn in ("first", "second"))
    assert [path.suffix for path in first] == [".pdf", ".png", ".svg"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


@pytest.mark.parametrize("name", DRAWN)
def test_axis_labels_carry_units(name: str) -> None:
    units = {"learning": {"(meV/atom)", "(meV/Å)"}, "emergence": {"(eV)", "(nats)"}}.get(name, {"(eV)"})
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


def test_a_figure_is_written_under_its_number_too(tmp_path: Path) -> None:
    assert [number(name) for name in FIGURES] == list(range(1, len(FIGURES) + 1))
    assert number("parity") == 3
    tables = save_tables(study(), tmp_path)
    draw("parity", [tables], tmp_path / "out" / "parity.png", numbered=tmp_path / "out" / "fig3.pdf")
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"fig3.pdf", "parity.pdf", "parity.png", "parity.svg"}
    assert (tmp_path / "out" / "fig3.pdf").read_bytes() == (tmp_path / "out" / "parity.pdf").read_bytes()


def test_unknown_molecule_lists_the_known() -> None:
    with pytest.raises(InputError, match=r"'CCO' is not among .*CO, C=O"):
        maker("molecules", study(), molecules=["CCO"])()


def test_molecules_shows_all_by_default_and_refuses_too_many() -> None:
    figure = maker("molecules", study(), molecules=[])()
    assert len(figure.axes) == len(MAPPED) + 1  # and the colour bar
    with pytest.raises(InputError, match="10 molecules to draw"):
        maker("molecules", study(), molecules=[METHANOL] * 10)()


def test_molecules_labels_mean_and_half_range() -> None:
    for seeds, labels in ((1, ["4.0", ""]), (2, ["4.2", "±0.2"])):
        figure = maker("molecules", study(seeds=seeds), molecules=[FORMALDEHYDE])()
        texts = [text.get_text() for text in figure.axes[0].texts]
        assert [texts.count(label) for label in labels if label] == [3] * seeds
        assert any("±" in text for text in texts) == (seeds > 1)


def test_labels_of_a_molecule_do_not_overlap() -> None:
    figure = maker("molecules", study(seeds=2), molecules=[METHANOL, AMMONIUM])()
    figure.draw_without_rendering()
    for axes in figure.axes[:2]:
        boxes = [text.get_window_extent().padded(-0.5) for text in axes.texts if text.get_text()]
        for index, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[index + 1 :])


def test_missing_values_draw() -> None:
    tables = study(**TWO)
    tables["bde/summary"].loc[:, ["within_types_kendall", "mae_eV_lo", "mae_eV_hi"]] = np.nan
    tables["bde/summary"] = tables["bde/summary"].iloc[: len(tables["bde/summary"]) // 2]
    tables["entropy/entropy"] = tables["entropy/entropy"].iloc[:0]
    tables["scaling/fits"] = tables["scaling/fits"].iloc[:0]
    for name in ("parity", "learning", "emergence"):
        maker(name, tables)().draw_without_rendering()


def test_reference_is_the_largest_set_then_the_largest_model() -> None:
    assert style.reference(study(**TWO)["decompose/summary"]) == ("mini", "micro", 128)


def test_over_seeds_takes_the_widest_interval() -> None:
    part = pd.DataFrame({C.SEED: [0, 1], "x": [1.0, 3.0], "x_lo": [0.5, -1.0], "x_hi": [1.5, 3.5]})
    assert style.over_seeds(part, "x") == style.OverSeeds(2.0, -1.0, 3.5, 1.0, 3.0, 2)


def test_reference_is_of_the_dataset_with_most_runs() -> None:
    grid, beside = study(**TWO)["decompose/summary"], study(datasets=("alone",))["decompose/summary"]
    summary = pd.concat([beside.assign(**{C.N_TRAIN: 512}), grid])
    assert style.datasets(summary) == ["mini", "alone"]
    assert style.reference(summary) == ("mini", "micro", 128)


def test_clip_paths_are_named_by_their_order() -> None:
    shape = '<path clip-path="url(#p{0})"/><clipPath id="p{0}"><rect/></clipPath><use fill="url(#h1)"/>'
    named = [style._number_clips(shape.format(name)) for name in ("00ff", "1234")]
    assert named[0] == named[1]
    assert named[0].count("clip0") == 2
    assert "url(#h1)" in named[0]
