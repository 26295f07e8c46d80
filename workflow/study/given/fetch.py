"""Fetch the file of a public model, and list the models that are known."""

import sys
from pathlib import Path

from e3d import provenance
from study.data.fetch.sources import Fingerprint, fetch_entry
from study.given.registry import read_models


def fetch_model(
    name: str,
    models: Path,
    url: str | None,
    bytes: int | None,
    sha256: str,
    output: Path | None,
) -> None:
    """Fetch the file of a model of ``models``, or whatever is at ``url``, into ``output``."""
    fetch_entry("model", name, models, url, Fingerprint(bytes, sha256=sha256 or None), output)


def list_models(models: Path, output: Path | None) -> None:
    """Write a line about each model to ``output``, or to standard output."""
    text = "".join(
        f"{model.name} ({model.format}): {model.training_set}; licence: {model.licence}\n"
        for model in read_models(models).values()
    )
    if output is None:
        sys.stdout.write(text)
    else:
        provenance.write_text(output, text)
