"""The answers in sentences: one for each question, with its number, then what stands beside it."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from study.answers.questions import CONTROL, QUESTIONS
from study.findings.wording import Tables, of_row


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
            yield f"Beside {question.number}, {row['about']}: {of_row(row)}."


def _answer(row: Mapping[Hashable, Any]) -> str:
    words = {"yes": "Yes", "no": "No"}.get(str(row["answer"]), "Not determined")
    return (
        f"{words}: the {row['quantity']} is {of_row(row)} ({row['about']}; {row['n_things']:,} "
        f"{row['things']} of {row['n_molecules']:,} molecules, {row['n_seeds']} seeds)."
    )
