"""Run ``e3d`` as its command line does, with the clock among the callbacks of a training.

It imports nothing that ``e3d`` would not have imported by itself, so that the job starts as it
always does.
"""

from typing import Any

from study import cli
from study.train import training as run

render = run.render


def with_clock(*arguments: Any) -> dict[str, Any]:
    """Return the rendered config with the clock of ``clock.py`` in it."""
    config = render(*arguments)
    config["trainer"]["callbacks"].append({"_target_": "clock.Clock"})
    return config


run.render = with_clock
raise SystemExit(cli.main())
