"""The answers in sentences: one for each question, with its number, then what stands beside it."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Final

import pandas as pd

from e3d.fields import Column as C
from e3d.statistics import NO, UNDETERMINED, YES, Estimate
from study.answers.questions import CONTROLS, OF_A_SET, QUESTIONS
from study.findings.wording import Tables, number, of_row
from study.words import counted

WORDS: Final = {YES: "Yes", NO: "No", UNDETERMINED: "Not determined"}


def sentences(tables: Tables) -> Iterable[str]:
    """Yield a sentence per question, then one for each other number that bears on it."""
    table = tables["answers/answers"]
    for question in (*QUESTIONS, *CONTROLS):
        rows = table[table["question"] == question.number]
        primary = rows[rows["primary"] == "yes"]
        if question in CONTROLS:
            yield from (f"{question.text} {_answer(row)}" for row in rows.to_dict("records"))
            continue
        if primary.empty:
            yield f"{question.number}. {question.text} Not asked: no such runs."
        for row in primary.to_dict("records"):
            yield f"{question.number}. {question.text} {_answer(row)}"
            if question is QUESTIONS[0]:
                yield from _by_type(tables["answers/types"], str(row["about"]))
        for row in rows[rows["primary"] != "yes"].to_dict("records"):
            answer = f"{WORDS[row['answer']].lower()}, " if row["primary"] == OF_A_SET else ""
            yield f"Beside {question.number}, {row['about']}: {answer}{of_row(row)}."


def _by_type(types: pd.DataFrame, cell: str) -> Iterable[str]:
    """Yield the range of the slopes of single types in the cell that is called ``cell``."""
    called = types[C.DATASET] + ", " + types[C.MODEL] + ", N = " + types[C.N_TRAIN].astype(str)
    slopes = types[(called == cell) & types["slope_on_de"].notna()].sort_values("slope_on_de")
    if len(slopes) > 1:
        least, most = (
            f"{number(Estimate.read(row, 'slope_on_de'), row['slope_on_de'])} ({row[C.BOND_TYPE]})"
            for row in (slopes.iloc[0].to_dict(), slopes.iloc[-1].to_dict())
        )
        yield f"Beside 1, {cell}, by bond type: from {least} to {most}."


def _answer(row: Mapping[Hashable, Any]) -> str:
    return (
        f"{WORDS[row['answer']]}: the {row['quantity']} is {of_row(row)} "
        f"({row['about']}; {row['n_things']:,} {row['things']} of {row['n_molecules']:,} "
        f"molecules, {counted(row['n_seeds'], 'seed')})."
    )
