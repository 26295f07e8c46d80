"""The name of a run says its dataset, training frames, model and seed; its columns say them again.

A run that is trained here is ``<dataset>/n<frames>/<model>/s<seed>``, a given model's
``given/<model>``. Another name, such as the file of a model of one's own, says nothing.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from e3d.errors import shown
from e3d.fields import GIVEN, Column

_GIVEN: Final = re.compile(rf"{GIVEN}/(?P<model>[^/]+)")
_TRAINED: Final = re.compile(
    r"(?P<dataset>[^/]+)/n(?P<n_train>[0-9]+)/(?P<model>[^/]+)/s(?P<seed>[0-9]+)"
)
_IN_PATH: Final = re.compile(r"[^/]+/n[0-9]+/[^/]+/s[0-9]+(?![^/.])")


def contradiction(run: Mapping[str, Any]) -> str:
    """Say in which column a run is not what its name says; empty where there is none.

    >>> run = {"run": "a/n8/nano/s0", "dataset": "a", "n_train": 8, "model": "nano", "seed": 0}
    >>> contradiction(run), contradiction(run | {"seed": 7})
    ('', "run 'a/n8/nano/s0' has seed 7, and its name says 0")
    """
    name = str(run[Column.RUN])
    said = _GIVEN.fullmatch(name) or _TRAINED.fullmatch(name)
    for key, value in (said.groupdict() if said else {}).items():
        if not _same(run[key], value):
            return f"run {shown(name)} has {key} {shown(run[key])}, and its name says {value}"
    return ""


def _same(given: Any, said: str) -> bool:
    """Say whether a value is what a name says; a table may hold whole numbers as floats."""
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    return str(given) == said


def of_path(path: str) -> str:
    """Return the run that a path of a study's table names; empty if it names none.

    >>> of_path("results/bde/a/n8/nano/s0.summary.csv"), of_path("tables/8.csv")
    ('a/n8/nano/s0', '')
    """
    found = _IN_PATH.findall(path)
    return str(found[-1]) if found else ""
