"""What the page is made from: tables, figures and findings of a finished study, as files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from e3d import provenance, tables
from e3d.errors import InputError
from study.costs import MACHINE_FILE
from study.findings.text import read_findings
from study.stages import FIGURES, TABLES

FINDINGS_NAME: Final = "findings.md"
_PNG: Final = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Material:
    """A finished study.

    Parameters
    ----------
    name
        Of the study.
    tables
        Files by ``<stage>/<table>``, in the order of the stages.
    figures
        PNG files by name, in the order of their numbers.
    findings
        Sentences by the title of their section.
    origin
        Commit and versions that made the tables, as far as something says it.
    """

    name: str
    tables: Mapping[str, Path]
    figures: Mapping[str, Path]
    findings: Mapping[str, Sequence[str]]
    origin: Mapping[str, Any]

    def has(self, *names: str) -> bool:
        """Say whether it has all of these tables."""
        return all(name in self.tables for name in names)

    def read(self, name: str) -> pd.DataFrame:
        """Read a table."""
        return tables.read(self.tables[name])


def gather(files: Sequence[Path], name: str) -> Material:
    """Sort files of a study, or those of one folder that is a results folder or published.

    Raises
    ------
    InputError
        If there is no table of a study among them, or a figure is no PNG.
    """
    if len(files) == 1 and files[0].is_dir():
        folder = files[0]
        files = [*folder.glob("*/*.csv"), *folder.glob("figures/*"), folder / MACHINE_FILE]
    by_table = {f"{path.parent.name}/{path.stem}": path for path in files if path.suffix == ".csv"}
    by_figure = {path.stem: path for path in files if path.suffix == ".png"}
    found = {table: by_table[table] for table in TABLES if table in by_table}
    if not found:
        raise InputError(
            f"{', '.join(map(str, files)) or 'the folder'}: no table of a study. Give the results "
            "folder of a finished study, a published one, or their files."
        )
    for path in by_figure.values():
        if path.is_file() and not path.read_bytes().startswith(_PNG):
            raise InputError(f"{path}: is no PNG, as figures of a study are. Draw it again.")
    written = next((path for path in files if path.name == FINDINGS_NAME), None)
    return Material(
        name,
        found,
        {figure: by_figure[figure] for figure in FIGURES if figure in by_figure},
        read_findings(written.read_text(encoding="utf-8", errors="replace")) if written else {},
        _origin([provenance.note(path) for path in found.values()], files),
    )


def _origin(notes: Sequence[Path], files: Sequence[Path]) -> dict[str, Any]:
    """Return what the note of a table, or of a publication, says of commit and versions."""
    of_publication = [path for path in files if path.name == MACHINE_FILE]
    for path in (*of_publication, *notes):
        if path.is_file():
            said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return said
    return {}
