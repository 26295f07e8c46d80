"""Stage ``given``: models that others trained, fetched and taken as runs of the study."""

from study.stage import Stage

STAGE = Stage("given")
