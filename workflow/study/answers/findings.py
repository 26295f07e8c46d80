"""The answers in sentences: one for each question, with its number, then what stands beside it."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import pandas as pd

from e3d.statistics import Estimate
from study.answers.questions import CONTROL, QUESTIONS
from study.findings.wording import Tables


def sentences(tables: Tables) -> Iterable[str]:
    """Yield a sentence per question, then one for each other number that bears on it."""
    table = tables["answers/answers"]
    for question in (*QUESTIONS, CONTROL):
        rows = table[table["question"] == question.number]
        primary = rows[rows["primary"] == "yes"]
        if question is CONTROL:
            yield from (f"{question.text} {_answer(row)}" for row in rows.to_dict("records"))
            continue
        if primary.empty:
            yield f"{question.number}. {question.text} Not asked: no such runs."
        for row in primary.to_dict("records"):
            yield f"{question.number}. {question.text} {_answer(row)}"
        for row in rows[rows["primary"] != "yes"].to_dict("records"):
            yield f"Beside {question.number}, {row['about']}: {_number(row)}."


def _answer(row: Mapping[Hashable, Any]) -> str:
    words = {"yes": "Yes", "no": "No"}.get(str(row["answer"]), "Not determined")
    return (
        f"{words}: the {row['quantity']} is {_number(row)} ({row['about']}; {row['n_things']:,} "
        f"{row['things']} of {row['n_molecules']:,} molecules, {row['n_seeds']} seeds)."
    )


def _number(row: Mapping[Hashable, Any]) -> str:
    found = Estimate.read(pd.Series(row), "value")
    unit = row["unit"]
    unit = f" {unit}" if isinstance(unit, str) and unit else ""
    if not found.has_interval:
        return f"{found.value:.2f}{unit}"
    return f"{found.value:.2f}{unit} [{found.lo:.2f}, {found.hi:.2f}]"
