"""RUN.yaml of a given model: the columns of its run alone, for nothing is trained."""

from pathlib import Path

import yaml

from e3d import provenance
from e3d.errors import InputError
from e3d.fields import RUN_COLUMNS
from e3d.options import json_object


def write_settings(json: str, output: Path) -> None:
    """Write the run columns, given as JSON, as RUN.yaml.

    Raises
    ------
    InputError
        If the text is no JSON object, or lacks one of them.
    """
    values = json_object(json)
    missing = [str(name) for name in RUN_COLUMNS if name not in values]
    if missing:
        raise InputError(
            f"{json[:80]!r} has no {', '.join(missing)} - the columns of a run are "
            f"{', '.join(RUN_COLUMNS)}. Add what is missing."
        )
    columns = {str(name): values[name] for name in RUN_COLUMNS}
    provenance.write_text(output, yaml.safe_dump(columns, sort_keys=False))
