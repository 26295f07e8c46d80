"""Verdicts: a question, its answer by yes, no or not determined, and the number that decides.

Those of a study of scale come from its table of answers, those of others from their claims.
"""

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

import numpy as np

from e3d.report.parts import number
from e3d.statistics import NO, UNDETERMINED, YES, Estimate
from study import runs
from study.answers.questions import CONTROLS, QUESTIONS
from study.claims import fields as claims
from study.claims.findings import rival_and_reference, said, sentence
from study.site.gather import Material
from study.stages import RUNS_TABLE
from study.words import with_minus

ANSWERS: Final = "answers/answers"
CLAIMS: Final = "claims/claims"
WORDS: Final = {YES: "Yes", NO: "No", UNDETERMINED: "Not determined"}
_ASKED: Final = {
    claims.DISSOCIATION: "Is D the energy of breaking a bond, rather than a share of the "
    "atomisation energy?",
    claims.NULL: "Does D predict {reference} better than {rival}?",
    claims.WITHIN_TYPES: "Does D order bonds of one type as BDE298 does?",
    claims.BARRIERS: "Are activation energies predicted better than by guessing their mean?",
    claims.PATHS: "Does D show better than the length which bonds break and form?",
    claims.SEPARATION: "Does D predict bond-separation energies better than counting bonds?",
}
"""What a claim asks; its answer is that of the table."""


@dataclass(frozen=True)
class Card:
    """A question and its answer.

    Parameters
    ----------
    value, unit
        The number that decides, with its interval.
    level
        What the number is compared with.
    detail
        What the number is, and of what.
    """

    question: str
    answer: str
    value: Estimate
    unit: str
    level: float
    detail: str


def cards_of(material: Material) -> list[Card]:
    """Return the verdicts of a study, those of claims about its reference run."""
    if material.has(ANSWERS):
        rows = material.read(ANSWERS).to_dict("records")
        return [_of_answer(row) for row in rows if row["primary"] == YES or _is_control(row)]
    if material.has(CLAIMS, RUNS_TABLE):
        run = runs.reference(material.read(RUNS_TABLE))
        return list(map(_of_claim, said({CLAIMS: material.read(CLAIMS)}, run)))
    return []


def _is_control(row: Mapping[Hashable, Any]) -> bool:
    return row["question"] in {one.number for one in CONTROLS}


def _of_answer(row: Mapping[Hashable, Any]) -> Card:
    again = row["answers_without_a_seed"]
    seeds = f" Without each seed in turn: {again}." if isinstance(again, str) and again else ""
    question = {one.number: one for one in (*QUESTIONS, *CONTROLS)}[row["question"]]
    return Card(
        str(row["text"]),
        str(row["answer"]),
        Estimate.read(row, "value"),
        str(row["unit"]) if isinstance(row["unit"], str) else "",
        question.no if row["answer"] == NO else question.yes,
        f"The {row['quantity']}: {row['about']}; {row['n_things']:,} {row['things']} of "
        f"{row['n_molecules']:,} molecules, {row['n_seeds']} seeds.{seeds}",
    )


def _of_claim(row: Mapping[Any, Any]) -> Card:
    about = {}
    if row[claims.CLAIM] == claims.NULL:
        about = dict(zip(("rival", "reference"), rival_and_reference(row), strict=True))
    unit = row[claims.UNIT]
    return Card(
        _ASKED[row[claims.CLAIM]].format(**about),
        str(row[claims.ANSWER]),
        Estimate.read(row, "value"),
        unit if isinstance(unit, str) else "",
        0.0,
        sentence(row),
    )


def cards_html(cards: Sequence[Card]) -> str:
    """Return the cards as HTML."""
    return f'<div class="verdicts">{"".join(map(_card, cards, range(1, len(cards) + 1)))}</div>'


def _card(card: Card, place: int) -> str:
    detail = escape(typeset(card.detail))
    return (
        f'<article class="verdict {card.answer}" id="verdict-{place}">'
        f'<h3>{escape(typeset(card.question))} <a class="here" href="#verdict-{place}" '
        f'aria-label="Link to this verdict">¶</a></h3>'
        f'<p class="answer">{WORDS[card.answer]}</p>{_interval(card)}'
        f'<p class="number">{_number(card)}</p>'
        f"<details><summary>What was measured</summary><p>{detail}</p></details></article>"
    )


def _number(card: Card) -> str:
    unit = f" {escape(card.unit)}" if card.unit else ""
    text = f"<b>{number(card.value.value, 2)}{unit}</b>"
    if card.value.has_interval:
        text += f" [{number(card.value.lo, 2)}, {number(card.value.hi, 2)}]"
    return text


def _interval(card: Card) -> str:
    """Draw the interval beside what decides; nothing where there is none."""
    if not card.value.has_interval:
        return ""
    ends = np.array([card.value.lo, card.value.hi, card.value.value, card.level])
    middle, reach = (ends.max() + ends.min()) / 2, max(float(np.ptp(ends)), 1e-9) * 1.15
    lo, hi, value, level = (100 * (0.5 + (ends - middle) / reach)).round(1).tolist()
    return (
        f'<svg class="interval" viewBox="0 0 100 14" preserveAspectRatio="none" role="img" '
        f'aria-label="95 % interval, beside {card.level:g}">'
        f'<line class="level" x1="{level}" x2="{level}" y1="0" y2="14"/>'
        f'<line class="range" x1="{lo}" x2="{hi}" y1="7" y2="7"/>'
        f'<line class="value" x1="{value}" x2="{value}" y1="2.5" y2="11.5"/></svg>'
        f'<p class="level" style="padding-left:{level}%">{typeset(f"{card.level:g}")}</p>'
    )


def typeset(text: str) -> str:
    """Return a sentence with true minus signs, and bond types that no line breaks.

    >>> typeset("C-C: -0.2 [-1.0, 2.0] in 3-D")
    'C‑C: −0.2 [−1.0, 2.0] in 3-D'
    """
    return re.sub(r"(?<=[A-Z])-(?=[A-Z])", "‑", with_minus(text))
