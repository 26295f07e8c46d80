"""A stop-watch inside a training job, for ``job.py``: a Lightning callback named in its config.

A training step is the call of the Lightning module's ``optimizer_step``: forward, loss, backward,
optimiser and moving average of the weights, but not what is logged from within it.
"""

import json
import os
import time
from collections import Counter
from functools import wraps
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

STARTED, CLOCK = "JOB_STARTED", "JOB_CLOCK"
"""Environment of a job: when its process started (seconds since the epoch), where its times go."""


class Clock(Callback):
    """Write down when the first step began and how long steps, validations and checkpoints took."""

    def __init__(self) -> None:
        self._spent: Counter[str] = Counter()
        self._cpu: dict[str, list[float]] = {}
        self._first: dict[str, float] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Put timers around what is measured, in the classes: a job may patch instances."""
        self._time(type(pl_module), "optimizer_step")
        self._time(type(pl_module), "log_dict")
        self._time(Trainer, "save_checkpoint")
        self._time(type(trainer.fit_loop.epoch_loop.val_loop), "run")

    def _time(self, owner: Any, name: str) -> None:
        call = getattr(owner, name)

        @wraps(call)
        def timed(*arguments: Any, **options: Any) -> Any:
            start, cpu = time.time(), time.process_time()
            self._first.setdefault(name, start)
            before = self._spent["log_dict"]
            try:
                return call(*arguments, **options)
            finally:
                inside = (
                    self._spent["log_dict"] - before
                )  # logging within a step is no part of the step
                self._spent[name] += time.time() - start - inside
                self._cpu.setdefault(name, []).append(time.process_time() - cpu)

        setattr(owner, name, timed)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write the times as JSON."""
        found = {
            "steps": trainer.global_step,
            "to_first_step_s": self._first["optimizer_step"] - float(os.environ[STARTED]),
            "in_steps_s": self._spent["optimizer_step"],
            "each_step_cpu_s": self._cpu["optimizer_step"],
            "validation_s": self._spent["run"],
            "validation_cpu_s": sum(self._cpu["run"]),
            "checkpoints_s": self._spent["save_checkpoint"],
            "to_end_of_fit_s": time.time() - float(os.environ[STARTED]),
        }
        Path(os.environ[CLOCK]).write_text(json.dumps(found), encoding="utf-8")
