"""Verdicts: a question, its answer by yes, no or not determined, and the number that decides.

Those of a study of scale come from its table of answers, those of others from their findings:
sentences that ask by yes or no, and give verdicts and then a number with its interval.
"""

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

import numpy as np

from e3d.report.parts import number
from e3d.statistics import NO, UNDETERMINED, YES, Estimate, unanimous
from study.answers.questions import CONTROL, QUESTIONS
from study.site.gather import Material

ANSWERS: Final = "answers/answers"
WORDS: Final = {YES: "Yes", NO: "No", UNDETERMINED: "Not determined"}
_ASKS: Final = re.compile(
    r"(?:\w[\w-]*: )?(?:\d+\. )?"
    r"(?P<question>(?:Is|Are|Does|Do|Has|Have|Can) (?!it\b)[^?]*\?) (?P<rest>.+)"
)
_NUMBER: Final = re.compile(
    r"(?P<value>-?\d+(?:\.\d+)?)(?: (?P<unit>[^\s\[\]]+))? "
    r"\[(?P<lo>-?\d+(?:\.\d+)?), (?P<hi>-?\d+(?:\.\d+)?)\]"
)
_VERDICTS: Final = {
    "yes": YES,
    "better": YES,
    "no": NO,
    "worse": NO,
    "undetermined": UNDETERMINED,
    "not determined": UNDETERMINED,
}
_VERDICT: Final = re.compile(rf"\b({'|'.join(_VERDICTS)})\b", re.IGNORECASE)


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
    """Return the verdicts of a study."""
    if material.has(ANSWERS):
        rows = material.read(ANSWERS).to_dict("records")
        return [_of_answer(row) for row in rows if row["primary"] == YES or _is_control(row)]
    sentences = [
        sentence
        for title, section in material.findings.items()
        if not title.startswith("The given model ")
        for sentence in section
    ]
    return list(cards_of_sentences(sentences))


def _is_control(row: Mapping[Hashable, Any]) -> bool:
    return bool(row["question"] == CONTROL.number)


def _of_answer(row: Mapping[Hashable, Any]) -> Card:
    again = row["answers_without_a_seed"]
    seeds = f" Without each seed in turn: {again}." if isinstance(again, str) and again else ""
    question = {one.number: one for one in (*QUESTIONS, CONTROL)}[row["question"]]
    return Card(
        str(row["text"]),
        str(row["answer"]),
        Estimate.read(row, "value"),
        str(row["unit"]) if isinstance(row["unit"], str) else "",
        question.yes,
        f"The {row['quantity']}: {row['about']}; {row['n_things']:,} {row['things']} of "
        f"{row['n_molecules']:,} molecules, {row['n_seeds']} seeds.{seeds}",
    )


def cards_of_sentences(sentences: Iterable[str]) -> Iterator[Card]:
    """Yield the verdicts that sentences give; the first number with an interval is the card's.

    Questions about "it", which is what another sentence speaks of, are passed over.

    >>> (card,) = cards_of_sentences(["Is D large? De: yes, 0.64 eV [0.2, 1.2] on 16 bonds."])
    >>> card.question, card.answer, card.value.hi, card.unit
    ('Is D large?', 'yes', 1.2, 'eV')
    """
    for sentence in sentences:
        asked = _ASKS.fullmatch(sentence)
        found = _NUMBER.search(asked["rest"]) if asked else None
        if asked is None or found is None:
            continue
        verdicts = _VERDICT.findall(asked["rest"][: found.start()])
        if verdicts:
            answer = unanimous(_VERDICTS[one.lower()] for one in verdicts)
            value = Estimate(*(float(found[name]) for name in ("value", "lo", "hi")))
            yield Card(asked["question"], answer, value, found["unit"] or "", 0.0, asked["rest"])


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
    text = re.sub(r"(?<![\w)\]])-(?=\d)", "−", text)
    return re.sub(r"(?<=[A-Z])-(?=[A-Z])", "‑", text)
