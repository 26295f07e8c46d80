"""The eight questions of the study of scale, and its control: what is estimated, and what decides.

They were fixed before any run, with their thresholds (docs/method.md, section 18).
"""

from dataclasses import dataclass
from typing import Final

from e3d.statistics import NO, UNDETERMINED, YES
from e3d.statistics.crossed import Crossed

LEVEL: Final = 0.05
OF_A_SET: Final = "set"
"""What the column ``primary`` says of a number that is of one set of seeds alone."""


@dataclass(frozen=True)
class Question:
    """A question that one number answers.

    Parameters
    ----------
    number, text
        Its place, and what is asked.
    quantity, unit
        What is estimated.
    yes, no
        Yes beyond the first, no short of the second; between them lies what would be too small to
        matter. Where both hold, the answer is no.
    rising
        Whether larger numbers say yes.
    things
        What the number is an average over.
    """

    number: int
    text: str
    quantity: str
    unit: str
    yes: float
    no: float
    rising: bool
    things: str = "bonds"

    def p(self, found: Crossed) -> tuple[float, float]:
        """Return the two-sided chances of the number if yes, and if no, were not so."""
        if self.rising:
            yes, no = found.p_above(self.yes), found.p_below(self.no)
        else:
            yes, no = found.p_below(self.yes), found.p_above(self.no)
        return min(2 * yes, 1.0), min(2 * no, 1.0)

    def answer(self, found: Crossed, factor: float = 1.0) -> str:
        """Return yes, no or undetermined; ``factor`` is what Holm's method multiplies p by."""
        yes, no = (factor * p <= LEVEL for p in self.p(found))
        if no:
            return NO
        return YES if yes else UNDETERMINED


QUESTIONS: Final = (
    Question(
        1,
        "Does D follow De within a bond type?",
        "slope of D on De, both less the mean of their type",
        "",
        0.5,
        0.5,
        rising=True,
    ),
    Question(
        2,
        "Is D better than counting bonds?",
        "mean absolute error of D against De, less that of bond additivity",
        "eV",
        -0.1,
        -0.1,
        rising=False,
    ),
    Question(
        3,
        "Do more data bring D nearer to De?",
        "mean absolute error of D against De, per decade of N",
        "eV",
        0.0,
        -0.05,
        rising=False,
    ),
    Question(
        4,
        "Does scale determine D?",
        "log10 of the standard deviation of D over seeds, per decade of N",
        "",
        -0.15,
        -0.15,
        rising=False,
    ),
    Question(
        5,
        "Does D come to say more of the bond type than the length does?",
        "decomposability of D less that of the length, per decade of N",
        "",
        0.0,
        0.02,
        rising=True,
    ),
    Question(
        6,
        "Do frames near transition states help barriers?",
        "mean absolute error of barriers with such frames, less that without",
        "eV",
        0.0,
        -0.05,
        rising=False,
        things="barriers",
    ),
    Question(
        7,
        "Is D the energy of breaking a bond, rather than a share of the atomisation energy?",
        "mean absolute error of D against De, less that against mean bond energies",
        "eV",
        0.0,
        0.0,
        rising=False,
    ),
    Question(
        8,
        "Is D the same from other molecules and other labels?",
        "mean squared difference of D between halves of the molecules, over that between seeds",
        "",
        2.0,
        2.0,
        rising=False,
    ),
)


STUDENTS: Final = Question(
    9,
    "Control: do students recover the D of their teacher?",
    "slope of D on the teacher's, both less the mean of their type",
    "",
    0.5,
    0.5,
    rising=True,
)
"""If they do not, no other answer says anything about chemistry."""
START: Final = Question(
    10,
    "Control: does D forget the weights that training begins with?",
    "mean squared difference of D between the ends of a line in N, of one seed over other seeds",
    "",
    0.9,
    1.0,
    rising=True,
)
"""If it does not, the data are not all that D comes from."""
CONTROLS: Final = (STUDENTS, START)
