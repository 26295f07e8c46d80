"""Stage ``evaluate``: energy and force errors of every run on both test sets (``e3d evaluate``)."""

from study.stage import Runs, Stage, Table

STAGE = Stage("evaluate", tables=(Table("errors", ("evaluate/{run}.csv",), Runs.EVERY),))
