"""RUN.yaml of a given model: the columns of its run alone, for nothing is trained."""

from pathlib import Path

import yaml

from e3d import provenance
from e3d.fields import RUN_COLUMNS
from e3d.options import json_object


def write_settings(json: str, output: Path) -> None:
    """Write the run columns, given as JSON, as RUN.yaml."""
    values = json_object(json)
    columns = {str(name): values[name] for name in RUN_COLUMNS}
    provenance.write_text(output, yaml.safe_dump(columns, sort_keys=False))
