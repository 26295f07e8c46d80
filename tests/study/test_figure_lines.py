"""Names at lines cover no line, and ticks of logarithmic axes are plain numbers."""

import numpy as np
from matplotlib.figure import Figure

from study.figures.lines import NamedLine, name_lines, plain_decades


def test_names_stand_at_their_own_line_and_cover_none() -> None:
    figure = Figure(figsize=(3, 2))
    axes = figure.subplots()
    x = np.linspace(0.0, 1.0, 6)
    lines = [
        NamedLine("upper", np.stack([x, 2 - x], axis=1), "blue"),
        NamedLine("lower", np.stack([x, x], axis=1), "red", ("below",)),
    ]
    for line in lines:
        axes.plot(*line.points.T)
    figure.draw_without_rendering()
    name_lines(axes, lines)
    dense = np.linspace(0.0, 1.0, 500)
    curves = {"upper": np.stack([dense, 2 - dense], 1), "lower": np.stack([dense, dense], 1)}
    pixels = {name: axes.transData.transform(curve) for name, curve in curves.items()}
    assert sorted(text.get_text() for text in axes.texts) == ["lower", "upper"]
    for text in axes.texts:
        box = text.get_window_extent()
        assert axes.get_window_extent().padded(1).containsx(box.x0)
        for curve in pixels.values():
            assert not any(box.contains(*point) for point in curve)
        far = {name: np.hypot(*(curve - box.get_points().mean(0)).T).min()
               for name, curve in pixels.items()}  # fmt: skip
        assert min(far, key=lambda name: far[name]) == text.get_text()


def test_ticks_of_a_short_logarithmic_axis_are_plain_numbers() -> None:
    figure = Figure()
    short, long = figure.subplots(2)
    for axes, top in ((short, 1.0), (long, 1e4)):
        axes.set_yscale("log")
        axes.set_ylim(0.03, top)
        plain_decades(axes.yaxis)
    figure.draw_without_rendering()
    shown = [
        [label.get_text() for label in axes.get_yticklabels() if label.get_position()[1] >= 0.03]
        for axes in (short, long)
    ]
    assert {"0.05", "0.1", "0.2", "0.5", "1"} <= set(shown[0])
    assert "100" in shown[1]
    assert "50" not in shown[1]
