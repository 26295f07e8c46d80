"""A training that diverged, and the one further try that a study may allow."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from e3d import tables
from study.run_settings import RunSettings
from study.train.fields import HISTORY_FILE
from study.train.kernels import save_plain
from study.train.learned import training_error
from study.train.render import BEST, MONITOR

_AGAIN = "again"


@dataclass(frozen=True)
class Attempt:
    """A training: its settings, and the folder of its checkpoints."""

    settings: RunSettings
    folder: Path


def attempts(settings: RunSettings, work: Path) -> list[Attempt]:
    """Return the trainings to do, each only if the one before it diverged.

    The second has a lower learning rate, if ``retry_diverged`` allows it, and a folder inside that
    of the first. Where this folder is there, the first one is known to have diverged.
    """
    training = settings.training
    if not training.retry_diverged:
        return [Attempt(settings, work)]
    lower = training.learning_rate * training.retry_diverged
    again = replace(settings, training=replace(training, learning_rate=lower))
    second = Attempt(again, work / _AGAIN)
    return [second] if second.folder.exists() else [Attempt(settings, work), second]


def diverged(attempt: Attempt, train: Callable[[], None]) -> str:
    """Train and return what shows that it diverged; nothing if it did not.

    Either the errors on validation frames are no numbers, which ends a training, or the best model
    is worse on its own training frames than zero forces are.
    """
    try:
        train()
    except ValueError:
        if not _ended_without_numbers(attempt.folder):
            raise
        return "errors on validation frames are no numbers"
    from e3d.models import load_model  # seconds, and only here

    best = attempt.folder / "judged.ckpt"
    save_plain(attempt.folder / f"{BEST}.ckpt", best, {})
    error, zero = training_error(load_model(best), attempt.settings)
    best.unlink()
    if error <= zero:
        return ""
    return f"error on training frames {error:.3g}, that of zero {zero:.3g}"


def _ended_without_numbers(folder: Path) -> bool:
    history = folder / HISTORY_FILE
    return history.is_file() and not math.isfinite(tables.read(history)[MONITOR].iloc[-1])
