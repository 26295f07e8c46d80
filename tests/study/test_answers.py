"""The eight questions: what is built into made-up bonds is found, and chance is not."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from e3d import tables
from e3d.fields import Column as C
from e3d.statistics import NO, UNDETERMINED, YES
from e3d.statistics.crossed import Crossed, crossed
from study.answers import figure_answers
from study.answers.barriers import REACTION, read_barriers
from study.answers.cells import Study, read_study
from study.answers.estimates import decomposability, memory_of_start, ratio_of_sets
from study.answers.fields import (
    ADDITIVE,
    BARRIER,
    DE,
    LABEL,
    MEAN,
    MOLECULE_ENERGY,
    NAME,
    OWN_DE,
    TEACHER,
)
from study.answers.findings import sentences
from study.answers.questions import OF_A_SET, QUESTIONS, START, STUDENTS
from study.answers.settings import require_distinct
from study.answers.tables import write_tables
from study.collect import collect_tables

MAIN, FIRST, SECOND, OTHER = "main", "first", "second", "other"
PATHS = ["paths-first", "paths-second"]
KINDS = np.array(["C-C", "C-H", "C-N", "C-O"])
N_MOLECULES, PER_MOLECULE = 60, 8


def bonds(rng: np.random.Generator) -> pd.DataFrame:
    """Return bonds of made-up molecules: De varies by type, and by 0.3 eV within a type."""
    n = N_MOLECULES * PER_MOLECULE
    kind = rng.integers(len(KINDS), size=n)
    mean = np.array([3.6, 4.3, 3.2, 3.7])[kind]
    return pd.DataFrame(
        {
            C.MOLECULE: np.repeat([f"C{k}" for k in range(N_MOLECULES)], PER_MOLECULE),
            C.I: np.tile(np.arange(PER_MOLECULE), N_MOLECULES),
            C.J: np.tile(np.arange(PER_MOLECULE), N_MOLECULES) + 1,
            C.BOND_TYPE: KINDS[kind],
            C.FINE_TYPE: np.char.add(KINDS[kind], rng.choice(["sp2", "sp3"], size=n)),
            C.R: 1.0 + 0.1 * kind + rng.normal(0, 0.03, n),
            DE: mean + rng.normal(0, 0.3, n),
            MEAN: mean,
            NAME: np.where(np.arange(n) % 20 == 0, "named", ""),
        }
    )


def write_runs(
    folder: Path, *, follows: float, shrinks: float, unlike: float = 0.0, n_seeds: int = 3
) -> list[Path]:
    """Write runs whose D follows De by a slope, and whose seeds come closer as N grows."""
    rng = np.random.default_rng(0)
    known, seeds = bonds(rng), range(n_seeds)
    runs = [(MAIN, n, seed) for n in (256, 1024, 4096, 16384) for seed in seeds]
    runs += [(name, 16384, seed) for name in (FIRST, SECOND, OTHER) for seed in seeds]
    shift = {FIRST: -unlike / 2, SECOND: unlike / 2}
    paths = []
    for dataset, n, seed in runs:
        spread = 0.3 * (n / 256) ** -shrinks
        d = known[MEAN] + follows * (known[DE] - known[MEAN]) + rng.normal(0, spread, len(known))
        table = known.assign(
            **{
                C.BOND_ENERGY: d
                + shift.get(dataset, 0.0) * np.sign(known[C.R] - known[C.R].median()),
                OWN_DE: known[DE] + rng.normal(0, 1.0, len(known)),
                MOLECULE_ENERGY: -20 + rng.normal(0, spread, len(known)),
                ADDITIVE: known[MEAN] + 0.1,
                TEACHER: known[DE] if dataset == OTHER else np.nan,
                C.IN_TRAINING: known[C.MOLECULE] == "C0",
                C.N_PARAMETERS: 1000,
            }
        )
        name = f"{dataset}/n{n}/s/s{seed}"
        run = {"run": name, "dataset": dataset, "n_train": n, "model": "s", "seed": seed}
        path = folder / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        hashes = {"store": f"sha256:{dataset}"}
        tables.write_of_run({"": table}, path, run, made_from=hashes)
        paths.append(path)
    return paths


def write_barriers(folder: Path, helps: float = 0.0) -> Path:
    """Write barriers of runs, those with frames of half of 40 reactions better by ``helps`` eV."""
    rng = np.random.default_rng(1)
    number = np.repeat(np.arange(40), 2)
    known = pd.DataFrame(
        {
            REACTION[0]: [f"reaction {k}" for k in number],
            REACTION[1]: np.tile(["forward", "backward"], 40),
            C.MOLECULE: [f"C{k}" for k in number],
            LABEL: 3.0,
        }
    )
    paths = []
    for dataset, own in ((MAIN, -1), (PATHS[0], 0), (PATHS[1], 1)):
        for seed in range(3):
            trained = number % 2 == own
            error = 1.0 - (helps if own >= 0 else 0.0) + rng.normal(0, 0.1, len(known))
            table = known.assign(
                **{BARRIER: known[LABEL] + np.where(trained, 9.0, error), C.IN_TRAINING: trained}
            )
            name = f"{dataset}/n4096/s/s{seed}"
            run = {"run": name, "dataset": dataset, "n_train": 4096, "model": "s", "seed": seed}
            path = folder / "of_paths" / f"{name}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            tables.write_of_run({"": table}, path, run, made_from={"store": f"sha256:{dataset}"})
            paths.append(path)
    collect_tables(paths, folder / "barriers.csv")
    return folder / "barriers.csv"


def stack(folder: Path, paths: list[Path]) -> Path:
    """Stack runs of several datasets, each of a store of its own, as the workflow does."""
    collect_tables(paths, folder / "bonds.csv")
    return folder / "bonds.csv"


def answered(
    folder: Path,
    paths: list[Path],
    *,
    helps: float = 0.0,
    seed_sets: Sequence[Sequence[int]] = (),
) -> pd.DataFrame:
    output = folder / "answers.csv"
    write_tables(
        stack(folder, paths),
        run_barriers=write_barriers(folder, helps),
        dataset=MAIN,
        halves=[FIRST, SECOND],
        barriers=PATHS,
        other_labels=OTHER,
        seed_sets=seed_sets,
        output=output,
    )
    return tables.read(output)


def primary(table: pd.DataFrame) -> dict[int, Any]:
    rows = table[table["primary"] == "yes"]
    assert not rows["question"].duplicated().any()
    return {int(row["question"]): row for row in rows.to_dict("records")}


def test_what_is_there_is_found(tmp_path: Path) -> None:
    found = primary(answered(tmp_path, write_runs(tmp_path, follows=0.9, shrinks=0.5), helps=0.3))
    assert set(found) == set(range(1, 9))
    # of each reaction, only the runs that did not train on it are asked
    assert found[6]["value"] == pytest.approx(-0.3, abs=0.05)
    assert (found[6]["things"], found[6]["n_things"], found[6]["n_molecules"]) == (
        "barriers",
        80,
        40,
    )
    assert found[1]["value"] == pytest.approx(0.9, abs=0.03)
    assert found[4]["value"] == pytest.approx(-0.5, abs=0.03)
    assert found[8]["value"] == pytest.approx(1.0, abs=0.1)
    assert {n: row["answer"] for n, row in found.items()} == dict.fromkeys(
        (1, 2, 3, 4, 6, 7, 8), YES
    ) | {5: found[5]["answer"]}
    of_bonds = [row for row in found.values() if row["things"] == "bonds"]
    assert all(row["n_molecules"] == N_MOLECULES - 1 for row in of_bonds)
    assert all(row["p_holm"] >= row["p"] for row in found.values())


def test_answers_stand_without_any_one_seed(tmp_path: Path) -> None:
    found = primary(answered(tmp_path, write_runs(tmp_path, follows=0.0, shrinks=0.5)))
    for number in (1, 2, 3, 7):
        assert found[number]["answers_without_a_seed"] == ", ".join([found[number]["answer"]] * 3)
        least, most = (found[number][f"{end}_without_a_seed"] for end in ("least", "most"))
        assert least < found[number]["value"] < most
    for number in (4, 8):  # of two seeds, leaving out one leaves no spread between seeds
        assert found[number]["answers_without_a_seed"] == ", ".join([UNDETERMINED] * 3)


def test_sets_of_seeds_are_asked_alone_and_every_look_counts(tmp_path: Path) -> None:
    paths = write_runs(tmp_path, follows=0.0, shrinks=0.5, n_seeds=6)
    of_first = [path for path in paths if int(path.stem[1:]) < 3]
    first = primary(answered(tmp_path / "first", of_first))
    once = primary(answered(tmp_path / "once", paths))
    table = answered(tmp_path, paths, seed_sets=[[0, 1, 2], [3, 4, 5]])
    both, sets = primary(table), table[table["primary"] == OF_A_SET]
    words = [", seeds 0, 1, 2 alone", ", seeds 3, 4, 5 alone"]
    for number in (1, 2, 3, 4, 5, 7, 8):
        assert (both[number]["n_seeds"], both[number]["value"]) == (6, once[number]["value"])
        assert both[number]["p"] == once[number]["p"]
        of_sets = sets[sets["question"] == number]
        assert of_sets["about"].tolist() == [first[number]["about"] + one for one in words]
        # the same numbers as if no other seeds had been trained
        for name in ("value", "value_lo", "p", "p_holm", "answer", "n_seeds"):
            assert of_sets.iloc[0][name] == first[number][name]
    assert sets[sets["question"] == 6]["about"].str.endswith(words[0]).tolist() == [True]
    assert 2 * once[4]["p_holm"] == pytest.approx(both[4]["p_holm"])
    made = {"answers/answers": table, "answers/types": tables.read(tmp_path / "types.csv")}
    beside = [one for one in sentences(made) if one.startswith("Beside 1, ") and "alone" in one]
    assert [re.sub(r" 0\.0.*| -0\.0.*", "", one) for one in beside] == [
        f"Beside 1, {MAIN}, s, N = 16384{one}: no," for one in words
    ]
    figure = figure_answers.make(
        {**made, "answers/cells": tables.read(tmp_path / "cells.csv")}
    )  # its panels of single numbers show those of all seeds
    assert len(figure.axes[-1].get_yticks()) == 2, "other molecules, and other labels"


def test_cells_of_unlike_seeds_are_compared_by_those_they_share(tmp_path: Path) -> None:
    paths = write_runs(tmp_path, follows=0.5, shrinks=0.5, n_seeds=4)
    unlike = [
        path
        for path in paths
        if not (path.parts[-3] == "n256" and path.stem == "s0")
        and not (path.parts[-4] == FIRST and path.stem == "s1")
    ]
    shared = [path for path in paths if path.parts[-4] == MAIN and path.stem != "s0"]
    shared += [path for path in paths if path.parts[-4] in (FIRST, SECOND) and path.stem != "s1"]
    found = primary(answered(tmp_path / "unlike", unlike))
    alone = primary(answered(tmp_path / "shared", shared))
    for number in (3, 4, 5, 8):
        assert found[number]["n_seeds"] == 3
        assert found[number]["value"] == alone[number]["value"]


def test_what_is_not_there_is_denied(tmp_path: Path) -> None:
    paths = write_runs(tmp_path, follows=0.0, shrinks=0.0, unlike=1.5)
    found = primary(answered(tmp_path, paths))
    assert [found[n]["answer"] for n in (1, 2, 4, 6, 7, 8)] == [NO] * 6
    assert found[3]["answer"] == NO
    assert abs(found[1]["value"]) < 0.1


@pytest.mark.parametrize(
    ("table", "change", "text"),
    [
        ("bonds", lambda one: {DE: 23.06 * one[DE]}, "de_eV of main C0"),
        ("bonds", lambda one: {C.BOND_TYPE: "C=O"}, "bond_type of C0"),
        ("bonds", lambda _: {C.N_PARAMETERS: 9}, "n_parameters of main s is"),
        ("bonds", None, "is the second about main/n256/s/s0"),
        ("barriers", lambda one: {LABEL: one[LABEL] + 5}, "label_eV of reaction 0 forward is"),
        ("barriers", None, "is the second about main/n4096/s/s0"),
    ],
)
def test_tables_that_contradict_themselves_answer_nothing(
    table: str, change: Any, text: str, tmp_path: Path, input_error: Any
) -> None:
    stack(tmp_path, write_runs(tmp_path, follows=0.9, shrinks=0.5))
    write_barriers(tmp_path)
    read = pd.read_csv(tmp_path / f"{table}.csv")
    chosen = read[C.RUN] == (f"{MAIN}/n256/s/s0" if table == "bonds" else f"{MAIN}/n4096/s/s0")
    of_run = read[chosen]
    moved = {name: of_run[name] + 1 for name in (C.BOND_ENERGY, BARRIER) if name in of_run}
    changed = of_run.assign(**(moved if change is None else change(of_run)))
    rest = read if change is None else read[~chosen]
    pd.concat([rest, changed]).to_csv(tmp_path / f"{table}.csv", index=False)
    with input_error(f"{table}.csv", text):
        write_tables(
            tmp_path / "bonds.csv",
            run_barriers=tmp_path / "barriers.csv",
            dataset=MAIN,
            halves=[FIRST, SECOND],
            barriers=PATHS,
            other_labels=OTHER,
            seed_sets=(),
            output=tmp_path / "answers.csv",
        )


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"halves": [FIRST, FIRST]}, "answers.halves: first is there twice"),
        ({"other_labels": MAIN}, "answers.dataset and other_labels: main is there twice"),
        ({"barriers": [MAIN, PATHS[0]]}, "answers.dataset and barriers: main is there twice"),
        ({"seed_sets": [[0, 1], [1, 2]]}, "answers.seed_sets: seed 1 is there twice"),
        ({"paths": ["a.hdf5", "a.hdf5"]}, "answers.paths: a.hdf5 is there twice"),
    ],
)
def test_what_is_asked_is_named_once(asked: dict[str, Any], text: str, input_error: Any) -> None:
    right = {"dataset": MAIN, "halves": [FIRST, SECOND], "barriers": PATHS}
    right |= {"other_labels": OTHER, "seed_sets": [], "paths": []}
    require_distinct(right)
    with input_error(text):
        require_distinct({**right, **asked})


def test_a_sentence_stands_for_each_question(tmp_path: Path) -> None:
    table = answered(tmp_path, write_runs(tmp_path, follows=0.9, shrinks=0.5))
    table = table[table["question"] != 6]
    types = tables.read(tmp_path / "types.csv")
    said = list(sentences({"answers/answers": table, "answers/types": types}))
    assert re.fullmatch(
        rf"Beside 1, {MAIN}, s, N = 16384, by bond type: from 0.8.* to 0.9.*", said[1]
    )
    for question in QUESTIONS:
        assert sum(one.startswith(f"{question.number}. {question.text}") for one in said) == 1
    assert "6. Do frames near transition states help barriers? Not asked: no such runs." in said
    assert said[0].startswith("1. Does D follow De within a bond type? Yes: the slope of D on De")


def test_single_runs_are_asked_nothing_and_shown(tmp_path: Path) -> None:
    paths = write_runs(tmp_path, follows=0.9, shrinks=0.5)
    alone = [path for path in paths if path.name == "s0.csv" and path.parts[-4] == MAIN]
    output = tmp_path / "answers.csv"
    write_tables(
        stack(tmp_path, alone),
        run_barriers=write_barriers(tmp_path),
        dataset=MAIN,
        halves=[],
        barriers=[],
        other_labels="",
        seed_sets=(),
        output=output,
    )
    answers, cells = tables.read(output), tables.read(tmp_path / "cells.csv")
    assert answers.empty
    assert len(cells) == 4
    assert cells["sd_d_eV"].isna().all()
    made = {
        "answers/answers": answers,
        "answers/cells": cells,
        "answers/types": tables.read(tmp_path / "types.csv"),
    }
    figure = figure_answers.make(made)
    assert len(figure.axes) == 5, "no spread over seeds, so no panel of it"
    assert not figure.get_suptitle()
    assert all("Not asked" in one for one in sentences(made))


def test_beside_the_slope_of_d_stand_finer_types_and_the_models_own_de(tmp_path: Path) -> None:
    table = answered(tmp_path, write_runs(tmp_path, follows=0.4, shrinks=0.5))
    beside = table[(table["question"] == 1) & (table["primary"] == "no")]
    said = dict(zip(beside["about"], beside["value"], strict=True))
    fine = f"{MAIN}, s, N = 16384, both less the mean of their type with hybridisation"
    own = f"{MAIN}, s, N = 16384, the model's own De instead of D"
    assert said[fine] == pytest.approx(0.4, abs=0.03)
    assert said[own] == pytest.approx(1.0, abs=0.15)
    cells = tables.read(tmp_path / "cells.csv").set_index([C.DATASET, C.N_TRAIN])
    cells = cells.loc[(MAIN, 16384)]
    assert cells["slope_on_de_of_hybridisation"] == said[fine]
    assert cells["own_de_slope_on_de"] == said[own]
    assert abs(cells["own_de_bias_de_eV"]) < 0.15


def test_each_bond_type_has_means_and_a_slope_of_its_own(tmp_path: Path) -> None:
    answered(tmp_path, write_runs(tmp_path, follows=0.4, shrinks=0.5))
    types = tables.read(tmp_path / "types.csv")
    assert len(types) == 7 * len(KINDS)  # cells of four N, two halves, other labels
    of_cell = types[(types[C.DATASET] == MAIN) & (types[C.N_TRAIN] == 16384)]
    assert of_cell["n_de"].sum() == (N_MOLECULES - 1) * PER_MOLECULE
    assert of_cell["slope_on_de"].to_numpy() == pytest.approx(0.4, abs=0.06)
    assert (of_cell["slope_on_de_lo"] < of_cell["slope_on_de"]).all()
    assert of_cell["mean_d_eV"].to_numpy() == pytest.approx(of_cell["mean_de_eV"], abs=0.1)


def test_the_figure_says_what_the_first_answer_is(tmp_path: Path) -> None:
    answers = answered(tmp_path, write_runs(tmp_path, follows=0.9, shrinks=0.5))
    made = {"answers/answers": answers, "answers/cells": tables.read(tmp_path / "cells.csv")}
    asked = (answers["question"] == 1) & (answers["primary"] == YES)
    for answer, words in ((YES, "D follows"), (NO, "D hardly follows"), ("", "not determined")):
        answers.loc[asked, "answer"] = answer
        figure = figure_answers.make(made)
        assert words in figure.get_suptitle()
        assert f"slope {answers['value'][asked].item():.2f}" in figure.get_suptitle()
    figure.draw_without_rendering()
    drawn = [axes for axes in figure.axes if axes.get_xlabel().startswith("training")]
    assert all(axes.lines for axes in drawn)
    alone = answers[answers["question"].isin((6, 8)) & answers["value_lo"].notna()]
    assert len(figure.axes) == len(drawn) + alone["question"].nunique()


def test_runs_without_paths_have_no_barriers(tmp_path: Path) -> None:
    table = tables.read(write_barriers(tmp_path))
    tables.write(table.iloc[:0], tmp_path / "none.csv")
    assert read_barriers(tmp_path / "none.csv", MAIN, PATHS) is None
    assert read_barriers(tmp_path / "barriers.csv", MAIN, []) is None


def test_students_of_a_teacher_are_compared_with_it(tmp_path: Path) -> None:
    table = answered(tmp_path, write_runs(tmp_path, follows=0.9, shrinks=0.5))
    (row,) = table[table["question"] == STUDENTS.number].to_dict("records")
    assert row["about"].startswith(OTHER)
    assert row["value"] == pytest.approx(0.9, abs=0.03)
    assert (row["answer"], row["primary"]) == (YES, "no")
    cells = tables.read(tmp_path / "cells.csv").set_index(C.DATASET)["mae_teacher_eV"]
    assert np.isfinite(cells[OTHER])
    assert not np.isfinite(cells[MAIN]).any()


def test_bonds_of_trained_molecules_and_unknown_ones_are_left_out(tmp_path: Path) -> None:
    study = read_study(stack(tmp_path, write_runs(tmp_path, follows=0.5, shrinks=0.5)))
    assert study.tested.sum() == (N_MOLECULES - 1) * PER_MOLECULE
    assert isinstance(study, Study)
    assert [cell.key[1] for cell in study.line(MAIN, "s")] == [256, 1024, 4096, 16384]


def test_decomposability_is_one_where_types_stand_apart_and_nothing_by_chance(
    tmp_path: Path,
) -> None:
    study = read_study(stack(tmp_path, write_runs(tmp_path, follows=0.5, shrinks=0.5)[:1]))
    every = np.ones(len(study.kind), dtype=bool)
    apart = study.kind + 1e-3 * study.length
    assert decomposability(study, apart, every) == pytest.approx(1.0, abs=0.05)
    chance = np.random.default_rng(1).normal(size=len(every))
    # three nearest neighbours of 480 values: their estimate has a standard error of 0.04
    assert abs(decomposability(study, chance, every)) < 0.1


def test_sets_that_differ_only_by_seed_have_the_ratio_of_one() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.normal(size=(2, 5, 4000))
    keep, seeds = np.ones(4000, dtype=bool), np.arange(5)
    assert ratio_of_sets(first, second, keep, seeds) == pytest.approx(1.0, abs=0.05)
    assert ratio_of_sets(first, second + 2.0, keep, seeds) == pytest.approx(3.0, abs=0.15)
    # what a seed shares between sets, its initial weights, is no likeness of the sets
    assert ratio_of_sets(first, first, keep, seeds) == pytest.approx(1.0)


def test_weights_that_training_begins_with_are_seen_where_d_keeps_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    keep, seeds = np.ones(4000, dtype=bool), np.arange(5)
    first, last, start = rng.normal(size=(3, 5, 4000))
    assert memory_of_start(first, last, keep, seeds) == pytest.approx(1.0, abs=0.05)
    # variances of 1 + 1 for a seed, and of 1 + 1 + 2 for others
    kept = memory_of_start(first + start, last + start, keep, seeds)
    assert kept == pytest.approx(0.5, abs=0.03)
    # an offset that all seeds share hides what is kept, and is never taken for it
    assert memory_of_start(first + start, last + start + 2.0, keep, seeds) > kept
    assert np.isnan(memory_of_start(first, last, keep, seeds[:1]))
    table = answered(tmp_path, write_runs(tmp_path, follows=0.5, shrinks=0.5))
    (row,) = table[table["question"] == START.number].to_dict("records")
    assert row["about"] == f"{MAIN}, s, N = 256 to 16384"
    assert (row["primary"], row["n_seeds"]) == ("no", 3)
    assert row["value"] == pytest.approx(1.0, abs=0.15)


def test_an_interval_covers_molecules_and_seeds() -> None:
    """Of 300 made-up studies with effects of both, 95 % of the intervals hold the truth."""
    rng = np.random.default_rng(3)
    molecules, n_seeds, hits = np.repeat(np.arange(40), 3), 5, 0
    for _ in range(300):
        of_molecule = rng.normal(size=40)[molecules]
        values = of_molecule + rng.normal(size=(n_seeds, 1)) + rng.normal(size=(n_seeds, 120))
        found = crossed(
            lambda keep, seeds, values=values: float(values[np.ix_(seeds, keep)].mean()),
            molecules,
            n_seeds,
        ).estimate
        hits += found.lo <= 0.0 <= found.hi
    assert 0.92 <= hits / 300 <= 1.0


def test_an_effect_too_small_to_matter_is_no() -> None:
    nearer = QUESTIONS[2]
    assert nearer.answer(Crossed(-0.02, 0.002, 100.0)) == NO
    assert nearer.answer(Crossed(-0.2, 0.02, 100.0)) == YES
    assert nearer.answer(Crossed(-0.04, 0.03, 100.0)) == UNDETERMINED
    assert nearer.answer(Crossed(-0.2, float("nan"), 0.0)) == UNDETERMINED
