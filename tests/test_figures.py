"""Figures and findings from small made-up tables: they draw, are reproducible, and follow the data."""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from e3d.errors import InputError
from e3d.fields import NAMED_BONDS, TEST_SPLITS
from e3d.fields import Column as C
from e3d.figures import FIGURES, FINDINGS_TABLES, draw, style
from e3d.figures.findings import sentences, write_findings

Tables = dict[str, pd.DataFrame]
SIZES = {"nano": 4000, "micro": 50000}
N_TRAIN = (32, 64, 128)
TWO: dict[str, Any] = {"models": ("nano", "micro"), "seeds": 2}
D_OF = {"C-H": 4.4, "C-C": 3.6, "C=C": 6.0, "C#C": 8.5, "C:C": 5.2, "Cl-H": 4.5}
METHANOL, FORMALDEHYDE, AMMONIUM = "CO", "C=O", "[NH4+]"
MAPPED = {
    METHANOL: "[C:1]([O:2][H:6])([H:3])([H:4])[H:5]",
    FORMALDEHYDE: "[C:1](=[O:2])([H:3])[H:4]",
    AMMONIUM: "[N+:1]([H:2])([H:3])([H:4])[H:5]",
}
BONDS = {
    METHANOL: [(0, 1, "C-O"), (0, 2, "C-H"), (0, 3, "C-H"), (0, 4, "C-H"), (1, 5, "H-O")],
    FORMALDEHYDE: [(0, 1, "C=O"), (0, 2, "C-H"), (0, 3, "C-H")],
    AMMONIUM: [(0, 1, "H-N"), (0, 2, "H-N"), (0, 3, "H-N"), (0, 4, "H-N")],
}


def interval(name: str, value: float, half: float) -> dict[str, float]:
    return {name: value, f"{name}_lo": value - half, f"{name}_hi": value + half}


def decompose(run: dict[str, Any], shift: float) -> Tables:
    size = {"n_parameters": SIZES[run["model"]]}
    summary = [
        {**run, C.STRUCTURES: name, "frames": 10, "sum_rule_max_abs_eV": 2e-12, "bonded_share": 0.9 + shift, **size}
        for name in (*TEST_SPLITS, NAMED_BONDS)
    ]
    means = [
        {
            **run, C.STRUCTURES: NAMED_BONDS, C.MOLECULE: molecule, C.SMILES: MAPPED[molecule],
            C.I: i, C.J: j, C.BOND_TYPE: kind, C.N: 1, C.BOND_ENERGY: 4.0 + 0.3 * i + 4 * shift,
        }
        for molecule, bonds in BONDS.items()
        for i, j, kind in bonds
    ]  # fmt: skip
    return {"decompose/summary": pd.DataFrame(summary), "decompose/bond_means": pd.DataFrame(means)}


def evaluate(run: dict[str, Any], shift: float) -> Tables:
    error = 100 / run["n_train"] + shift
    rows = [
        {
            **run, "test_set": name, "n_parameters": SIZES[run["model"]], "group_kind": kind, "group": kind,
            **interval(C.ENERGY_MAE, error, 2 * error), **interval(C.FORCE_MAE, 10 * error, error),
        }
        for name, kind in product(TEST_SPLITS, ("all", "molecule"))
    ]  # fmt: skip
    return {"evaluate/errors": pd.DataFrame(rows)}


def bde(run: dict[str, Any], shift: float) -> Tables:
    references = ("bde298", "de", "mean_bond_energy")
    named = []
    for index, (kind, d) in enumerate(D_OF.items()):
        row = {**run, C.STRUCTURES: NAMED_BONDS, C.GEOMETRY: "relaxed", "bond": f"bond {kind} (some reaction)"}
        row |= {C.BOND_TYPE: kind, C.IN_TRAINING: index % 2 == 0, C.BOND_ENERGY: d + shift}
        named.append(row | {f"{name}_eV": np.nan if index == 4 else d + 0.2 * index for name in references})
    summary = [
        {
            **run, C.GEOMETRY: "relaxed", "reference": name, "molecules": group, "n_bonds": 6, "n_types": 6,
            "n_pairs_within_types": 9 if name == "bde298" else 1, **interval("mae_eV", 0.5 + shift, 0.1),
            **interval("between_types_spearman", 0.8, 0.1),
            **interval("within_types_kendall", 0.1, 0.3 if name == "bde298" else np.nan),
        }
        for name, group in product(references, ("all", "in_training", "not_in_training"))
    ]  # fmt: skip
    order = [
        {
            **run, C.STRUCTURES: name, "lower": lower, "higher": higher, "n_molecules_lower": 5,
            "n_molecules_higher": 3, **interval("difference_eV", D_OF[higher] - D_OF[lower], 0.5), "holds": "yes",
        }
        for name, (lower, higher) in product(("test-all", NAMED_BONDS), (("C-C", "C=C"), ("C=C", "C#C")))
    ]  # fmt: skip
    return {"bde/named": pd.DataFrame(named), "bde/summary": pd.DataFrame(summary), "bde/order": pd.DataFrame(order)}


def entropy(run: dict[str, Any], shift: float) -> Tables:
    where = {**run, C.STRUCTURES: "test-conformations"}
    bins = [
        {**where, C.BOND_TYPE: kind, C.COUNT: count, "bond_energy_bin_eV": round(d + 0.05 * step, 10)}
        for kind, d in D_OF.items()
        for step, count in ((0, 3), (1, 5), (4, 1))
    ]
    within = {**where, "quantity": "D/sd", C.BOND_TYPE: "within types", **interval("entropy_mm_nats", 2.0 - shift, 0.1)}
    measures = {"I(D/sd; type)": 0.8, "I(r; type)": 0.6, "I(D; order | elements)": 1.0, "I(r; order | elements)": 0.9}
    told = [{**where, "measure": name, **interval("fraction_mm", x, 0.05)} for name, x in measures.items()]
    return {
        "entropy/histogram": pd.DataFrame(bins),
        "entropy/entropy": pd.DataFrame([within]),
        "entropy/decomposability": pd.DataFrame(told),
    }


def fits(dataset: str, models: tuple[str, ...]) -> pd.DataFrame:
    rows = []
    for test_set, metric, model in product(TEST_SPLITS, (C.ENERGY_MAE, C.FORCE_MAE), models):
        base: dict[str, Any] = {C.DATASET: dataset, C.MODEL: model, "form": "power", "n_seeds": 2}
        base |= {"test_set": test_set, "metric": str(metric)}
        if model == "micro":
            rows.append(base | {"parameter": "", "status": "not identifiable: 2 values of N, the form needs 3"})
            continue
        for name, value in (("a", 100.0), ("alpha", 0.7)):
            spread = {"value_lo": value / 2, "value_hi": value * 2, "seed_min": value, "seed_max": value}
            rows.append(base | {"parameter": name, "value": value, **spread, "status": "ok"})
    return pd.DataFrame(rows)


def study(models: tuple[str, ...] = ("nano",), seeds: int = 1, datasets: tuple[str, ...] = ("mini",)) -> Tables:
    """Build every table the figures read, for a small grid."""
    return {name: table.copy() for name, table in _study(models, seeds, datasets).items()}


@cache
def _study(models: tuple[str, ...], seeds: int, datasets: tuple[str, ...]) -> Tables:
    parts: dict[str, list[pd.DataFrame]] = {}
    for dataset, model, n, seed in product(datasets, models, N_TRAIN, range(seeds)):
        run = {C.RUN: f"{dataset}/n{n}/{model}/s{seed}", C.DATASET: dataset, C.N_TRAIN: n, C.MODEL: model, C.SEED: seed}
        for make in (decompose, evaluate, bde, entropy):
            for name, table in make(run, 0.1 * seed).items():
                parts.setdefault(name, []).append(table)
    tables = {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()}
    tables["scaling/fits"] = pd.concat([fits(dataset, models) for dataset in datasets], ignore_index=True)
    return tables


def maker(name: str, tables: Tables, **options: Any) -> Callable[[], Figure]:
    make = import_module(f"e3d.figures.{name}").make
    if name == "molecules":
        options.setdefault("molecules", [METHANOL, FORMALDEHYDE])
    chosen = {table: tables[table] for table in FIGURES[name]}
    return lambda: make(chosen, **options)


def save_tables(tables: Tables, folder: Path) -> Path:
    for name, table in tables.items():
        path = folder / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(path, index=False)
    return folder


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("grid", [TWO, {"models": ("micro",), "datasets": ("mini", "large")}], ids=["two", "datasets"])
def test_draws(name: str, grid: dict[str, Any]) -> None:
    figure = maker(name, study(**grid))()
    assert figure.axes
    figure.draw_without_rendering()


@pytest.mark.parametrize("name", FIGURES)
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


@pytest.mark.parametrize("name", FIGURES)
def test_axis_labels_carry_units(name: str) -> None:
    units = {"learning": {"(meV/atom)", "(meV/Å)"}, "emergence": {"(eV)", "(nats)"}}.get(name, {"(eV)"})
    axes = maker(name, study())().axes
    labels = [label for one in axes for label in (one.get_xlabel(), one.get_ylabel()) if label]
    assert all(any(unit in label for label in labels) for unit in units), labels


def test_draw_reads_tables_and_figures_change_none(tmp_path: Path) -> None:
    tables = study(seeds=2)
    draw("molecules", [save_tables(tables, tmp_path)], tmp_path / "out.png", molecules=[METHANOL])
    assert (tmp_path / "out.svg").is_file()
    for name in FIGURES:
        maker(name, tables)()
    for name, table in study(seeds=2).items():
        pd.testing.assert_frame_equal(table, tables[name])


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


def test_findings_give_numbers_with_interval_and_seeds(tmp_path: Path) -> None:
    tables = study(**TWO)
    text = "\n".join(sentences(tables))
    assert "2 seeds" in text
    assert "yes in 2 of 2 seeds; C=C minus C-C 2.40 eV [1.90, 2.90] (seeds 2.40 to 2.40)" in text
    assert "BDE298 0.55 eV [0.40, 0.70] (seeds 0.50 to 0.60), that is 12.7 kcal/mol [9.2, 16.1], 6 bonds" in text
    assert "0.10 [-0.20, 0.40] (seeds 0.10 to 0.10), 9 pairs, zero not excluded" in text
    assert "[0.55, 0.65] (seeds 0.60 to 0.60): D tells more" in text
    assert "nano 0.70 [0.35, 1.40]" in text
    assert "micro not identifiable: 2 values of N" in text
    assert "2.0e-12 eV over 360 decomposed frames in 12 runs" in text
    assert sentences(tables)[-1].startswith("The ordering of bond types alone is no evidence of emergence")
    write_findings([save_tables({name: tables[name] for name in FINDINGS_TABLES}, tmp_path)], tmp_path / "findings.md")
    assert (tmp_path / "findings.md").read_text(encoding="utf-8") == "".join(f"- {s}\n" for s in sentences(tables))


@pytest.mark.parametrize(
    ("holds", "expected"),
    [
        ({0: "no", 1: "no"}, "no in 2 of 2 seeds"),
        ({0: "yes", 1: "undetermined"}, "yes in 1 of 2, undetermined in 1 of 2 seeds"),
        ({0: "yes"}, "yes in 1 of 2, undetermined in 1 of 2 seeds"),
    ],
)
def test_findings_follow_the_order_of_bonds(holds: dict[int, str], expected: str) -> None:
    tables = study(seeds=2)
    order = tables["bde/order"]
    second = order["lower"] == "C=C"
    order.loc[second, "holds"] = order.loc[second, C.SEED].map(holds)
    tables["bde/order"] = order[order["holds"].notna()]
    assert expected in sentences(tables)[2]


def test_findings_say_where_nothing_is_decided() -> None:
    tables = study(seeds=1)
    tables["entropy/decomposability"]["fraction_mm_hi"] = 0.95
    tables["bde/order"] = tables["bde/order"].iloc[:0]
    text = "\n".join(sentences(tables))
    assert "undetermined, the intervals overlap" in text
    assert "C#C minus C=C not in the tables" in text
    assert "(one seed)" in text
    assert "mean bond energy undetermined, 1 pair." in text


def test_findings_name_the_dataset_where_there_are_several() -> None:
    found = sentences(study(datasets=("mini", "large")))
    assert sum(sentence.startswith("large: ") for sentence in found) == sum(s.startswith("mini: ") for s in found) > 5
