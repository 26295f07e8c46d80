"""The command ``answers``: the eight answers, and what each cell of the study gives."""

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from e3d import tables
from e3d.arrays import Floats, Ints, Masks
from e3d.errors import choices
from e3d.statistics import NO, YES, interval_columns
from e3d.statistics.crossed import Crossed, holm
from study.answers import estimates
from study.answers.barriers import Barriers, read_barriers
from study.answers.by_cell import OF_TYPES, cell_row, type_rows
from study.answers.cells import Cell, Study, of_common_seeds, read_study
from study.answers.estimates import MIN_SEEDS, OfBonds, less, of_values
from study.answers.questions import OF_A_SET, QUESTIONS, START, STUDENTS, Question
from study.answers.settings import require_distinct

log = logging.getLogger(__name__)

MIN_POINTS: Final = 4
"""Training sets that a slope in N needs."""
_ANSWERS: Final = (
    *("question", "text", "about", "quantity", "unit", "primary"),
    *(*interval_columns("value"), "p", "p_holm", "answer"),
    *("things", "n_things", "n_molecules", "n_seeds"),
    *("least_without_a_seed", "most_without_a_seed", "answers_without_a_seed"),
)


@dataclass(frozen=True)
class Asked:
    """One number that answers a question: about which runs, and whether it is the one that counts.

    The others stand beside it and are no part of Holm's family. ``molecule`` and ``rows`` (B,) are
    of bonds, or of barriers: the number of each one's molecule, and which of them count. ``seeds``
    are those of the runs, in the order of their places in ``statistic``.
    """

    question: Question
    about: str
    molecule: Ints
    rows: Masks
    seeds: tuple[int, ...]
    statistic: OfBonds
    primary: bool = False

    @property
    def found(self) -> Crossed:
        """The number, with molecules and seeds left out in turn."""
        return estimates.over_rows(self.molecule, self.rows, self.statistic, len(self.seeds))

    def of(self, seeds: Collection[int]) -> "Asked":
        """Return what the runs of some seeds alone are asked."""
        places = np.array([k for k, seed in enumerate(self.seeds) if seed in seeds], dtype=int)
        return replace(
            self,
            seeds=tuple(self.seeds[k] for k in places),
            statistic=partial(_of_places, self.statistic, places),
        )


def _of_places(statistic: OfBonds, places: Ints, keep: Masks, seeds: Ints) -> float:
    return statistic(keep, places[seeds])


def write_tables(
    bonds: Path,
    *,
    run_barriers: Path,
    dataset: str,
    halves: Sequence[str],
    barriers: Sequence[str],
    other_labels: str,
    seed_sets: Sequence[Sequence[int]],
    output: Path,
) -> None:
    """Write the answers to ``output`` (``answers.csv``), and two more tables beside it.

    ``cells.csv`` has a row per cell, ``types.csv`` one per cell and bond type.

    Parameters
    ----------
    bonds
        Stacked table of all runs (``answers bonds``).
    run_barriers
        The second table of that command, stacked.
    dataset
        The study's main dataset.
    halves
        Two datasets with the frames of disjoint halves of its molecules.
    barriers
        Two datasets with frames of reaction paths, each of a half of the reactions.
    other_labels
        The same frames with the labels of another theory.
    seed_sets
        Seeds that were trained and looked at one set after the other.

    Raises
    ------
    InputError
        If a table lacks a column or contradicts itself, or a dataset or seed is named for two
        things.
    """
    asked_of = {"dataset": dataset, "halves": halves, "barriers": barriers}
    require_distinct({**asked_of, "other_labels": other_labels, "seed_sets": seed_sets})
    study = read_study(bonds, without=barriers)
    _warn_of_missing([dataset, *halves, *filter(None, [other_labels])], study)
    asked = list(questions_asked(study, dataset, halves, other_labels))
    if (of_paths := read_barriers(run_barriers, dataset, barriers)) is not None:
        asked.append(_of_barriers(of_paths))
    inputs = [bonds, run_barriers]
    tables.write(answers(asked, seed_sets), output, inputs=inputs)
    of_cells = pd.DataFrame([cell_row(study, cell) for cell in study.cells.values()])
    tables.write(of_cells, output.with_name("cells.csv"), inputs=[bonds])
    rows = [row for cell in study.cells.values() for row in type_rows(study, cell)]
    of_types = pd.DataFrame(rows, columns=list(OF_TYPES))
    tables.write(of_types, output.with_name("types.csv"), inputs=[bonds])


def _warn_of_missing(names: Sequence[str], study: Study) -> None:
    """Say which datasets have no run in the table, as those that break a law have not."""
    known = {key[0] for key in study.cells}
    for name in (one for one in names if one not in known):
        log.warning(
            "no run of dataset %s is in the table, so nothing is asked of it - %s",
            name,
            choices(name, sorted(known)),
        )


def questions_asked(
    study: Study, dataset: str, halves: Sequence[str], other_labels: str
) -> Iterator[Asked]:
    """Yield what is asked of a study; the first of each question is the one that counts."""
    for name in (dataset, other_labels):
        main = name == dataset
        if (cell := study.corner(name, MIN_SEEDS)) is not None:
            yield from _of_cell(study, cell, primary=main)
        for k, line in enumerate(study.lines(name)):
            cells = [one for one in line if one.n_seeds >= MIN_SEEDS]
            if len(cells) >= MIN_POINTS:
                cells = of_common_seeds(cells)
            if len(cells) >= MIN_POINTS and cells[0].n_seeds >= MIN_SEEDS:
                yield from _of_line(study, cells, primary=main and k == 0)
    yield from _of_sets(study, dataset, halves, other_labels)
    for cell in study.cells.values():
        rows = estimates.known(study, cell.teacher)
        if rows.any():
            statistic = partial(estimates.slope_within, study.kind, cell.d, cell.teacher)
            yield Asked(STUDENTS, named(cell), study.molecule, rows, cell.seeds, statistic)


def _of_cell(study: Study, cell: Cell, *, primary: bool) -> Iterator[Asked]:
    """Yield what the cell of most frames and the largest model is asked."""
    slope, error_of, known = estimates.slope_within, estimates.error_of, estimates.known
    words, against_de = named(cell), error_of(cell, cell.de)
    of_means = less(error_of(cell, cell.mean), of_values(cell.additive, cell.mean))
    numbers: tuple[tuple[int, str, tuple[Floats, ...], OfBonds], ...] = (
        (1, "", (cell.de,), partial(slope, study.kind, cell.d, cell.de)),
        (2, "", (cell.de, cell.additive), less(against_de, of_values(cell.additive, cell.de))),
        (7, "", (cell.de, cell.mean), less(against_de, error_of(cell, cell.mean))),
        (
            1,
            ", both less the mean of their type with hybridisation",
            (cell.de,),
            partial(slope, study.fine, cell.d, cell.de),
        ),
        (
            1,
            ", the model's own De instead of D",
            (cell.de, *cell.own_de),
            partial(slope, study.kind, cell.own_de, cell.de),
        ),
        (2, ", against mean bond energies", (cell.mean, cell.additive), of_means),
    )
    for number, more, values, statistic in numbers:
        yield Asked(
            QUESTIONS[number - 1],
            words + more,
            study.molecule,
            known(study, *values),
            cell.seeds,
            statistic,
            primary=primary and not more,
        )


def _of_line(study: Study, cells: Sequence[Cell], *, primary: bool) -> Iterator[Asked]:
    """Yield what a line of cells in N is asked."""
    words = f"{cells[0].key[0]}, {cells[0].key[2]}, N = {cells[0].key[1]} to {cells[-1].key[1]}"
    with_de, every = estimates.known(study, cells[0].de), estimates.known(study, cells[0].d[0])
    about = partial(Asked, molecule=study.molecule, seeds=cells[0].seeds)
    line = partial(estimates.per_decade, cells)
    errors = line([estimates.error_of(cell, cell.de) for cell in cells])
    yield about(QUESTIONS[2], words, rows=with_de, statistic=errors, primary=primary)
    for name, text in (("d", words), ("energy", f"{words}: the total energy instead of D")):
        spread = line([partial(estimates.log_spread, getattr(cell, name)) for cell in cells])
        own = primary and name == "d"
        yield about(QUESTIONS[3], text, rows=every, statistic=spread, primary=own)
    beyond = line([partial(estimates.beyond_length, study, cell) for cell in cells])
    yield about(QUESTIONS[4], words, rows=every, statistic=beyond, primary=primary)
    start = partial(estimates.memory_of_start, cells[0].d, cells[-1].d)
    yield about(START, words, rows=every, statistic=start)


def _of_sets(
    study: Study, dataset: str, halves: Sequence[str], other_labels: str
) -> Iterator[Asked]:
    """Yield whether D is the same from disjoint halves of the molecules, and from two theories."""
    found = [study.corner(name, MIN_SEEDS) for name in halves]
    for first, second in zip(found[::2], found[1::2], strict=True):
        if first is None or second is None:
            continue
        first, second = of_common_seeds([first, second])
        if first.n_seeds < MIN_SEEDS:
            continue
        yield Asked(
            QUESTIONS[7],
            f"{first.key[0]} and {second.key[0]}, N = {first.key[1]}",
            study.molecule,
            estimates.known(study, first.d[0], second.d[0]),
            first.seeds,
            partial(estimates.ratio_of_sets, first.d, second.d),
            primary=True,
        )
    for cell in study.lines(other_labels)[0] if study.lines(other_labels) else ():
        same = study.cells.get((dataset, *cell.key[1:]))
        if same is None:
            continue
        cell, same = of_common_seeds([cell, same])
        if cell.n_seeds < MIN_SEEDS:
            continue
        rows = np.isfinite(cell.de) & np.isfinite(same.de) & (study.name != "")
        statistic = partial(estimates.ratio_of_sets, cell.d - cell.de, same.d - same.de)
        text = f"{named(cell)} and {dataset}, each less its own De, on named bonds"
        yield Asked(QUESTIONS[7], text, study.molecule, np.asarray(rows), cell.seeds, statistic)


def _of_barriers(found: Barriers) -> Asked:
    """Return what runs with frames of reaction paths, and those without, are asked."""
    every = np.ones(len(found.molecule), dtype=bool)
    return Asked(
        QUESTIONS[5], found.about, found.molecule, every, found.seeds, found.gain, primary=True
    )


def named(cell: Cell) -> str:
    """Return a cell in words.

    >>> from study.answers.cells import Cell
    >>> nothing = [None] * 7
    >>> named(Cell(("a", 8, "s"), (0,), 10, *nothing))
    'a, s, N = 8'
    """
    dataset, n_train, model = cell.key
    return f"{dataset}, {model}, N = {n_train}"


def answers(asked: Sequence[Asked], seed_sets: Sequence[Sequence[int]] = ()) -> pd.DataFrame:
    """Return a row per number; verdicts of the primary ones are adjusted together by Holm.

    Of each of ``seed_sets`` the primary ones are asked alone too, adjusted among themselves. As the
    sets were looked at one after the other, p of all seeds is multiplied by their number before
    (Bonferroni).
    """
    asked = [one for one in asked if one.rows.any()]
    rows = _rows(asked, max(len(seed_sets), 1))
    primary = [one for one in asked if one.primary]
    for seeds in seed_sets:
        words = f", seeds {', '.join(map(str, seeds))} alone"
        of_set = [one.of(seeds) for one in primary if {*seeds} <= {*one.seeds}]
        rows += [
            row | {"about": row["about"] + words, "primary": OF_A_SET} for row in _rows(of_set, 1)
        ]
    table = pd.DataFrame(rows, columns=list(_ANSWERS))
    place = table["primary"].map([YES, OF_A_SET, NO].index)
    return table.assign(place=place).sort_values(["question", "place"], kind="stable")[[*_ANSWERS]]


def _rows(asked: Sequence[Asked], looks: int) -> list[dict[str, Any]]:
    """Return a row for each number, whose runs were looked at so many times."""
    found = [one.found for one in asked]
    p = np.array([min(one.question.p(number)) for one, number in zip(asked, found, strict=True)])
    primary = np.array([one.primary for one in asked], dtype=bool)
    adjusted = np.where(primary, np.nan, p)
    adjusted[primary] = holm(np.minimum(looks * p[primary], 1.0))
    return [
        _row(one, number, *both) | _without_a_seed(one, both[1] / both[0] if both[0] > 0 else 1.0)
        for one, number, *both in zip(asked, found, p.tolist(), adjusted.tolist(), strict=True)
    ]


def _row(one: Asked, found: Crossed, p: float, adjusted: float) -> dict[str, Any]:
    question = one.question
    return {
        "question": question.number,
        "text": question.text,
        "about": one.about,
        "quantity": question.quantity,
        "unit": question.unit,
        "primary": "yes" if one.primary else "no",
        **found.estimate.columns("value"),
        "p": p,
        "p_holm": adjusted,
        "answer": question.answer(found, adjusted / p if p > 0 else 1.0),
        "things": question.things,
        "n_things": int(one.rows.sum()),
        "n_molecules": len(np.unique(one.molecule[one.rows])),
        "n_seeds": len(one.seeds),
    }


def _without_a_seed(one: Asked, factor: float) -> dict[str, Any]:
    """Return what a number and its answer become when each seed in turn was never trained.

    Of a number that counts, and of three seeds or more; ``factor`` is Holm's of all seeds.
    """
    if not one.primary or len(one.seeds) <= MIN_SEEDS:
        return {}
    found = [one.of({*one.seeds} - {seed}).found for seed in one.seeds]
    values = [number.value for number in found]
    return {
        "least_without_a_seed": min(values),
        "most_without_a_seed": max(values),
        "answers_without_a_seed": ", ".join(
            one.question.answer(number, factor) for number in found
        ),
    }
