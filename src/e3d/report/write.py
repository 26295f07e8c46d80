"""Write the report of a model: one page, and the tables beside it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from e3d import provenance, tables
from e3d.errors import InputError
from e3d.fields import DECOMPOSED_FILES, NAMED_BONDS
from e3d.loading import loaded
from e3d.options import own_run
from e3d.potential import LoadedModel
from e3d.report import named
from e3d.report.page import report_page
from e3d.report.sets import StructureSet, decompose_set
from e3d.sources import file_or_smiles, name_of

PAGE_FILE: Final = "report.html"
ERRORS_FILE: Final = "errors.csv"
LEFT_OUT_FILE: Final = "left_out.csv"
_TABLES: Final = (named.TABLE_FILE, named.SCORES_FILE, ERRORS_FILE, LEFT_OUT_FILE)


def write_report(
    model: LoadedModel | Path,
    structures: Sequence[Path | str],
    output: Path,
    *,
    device: str = "cpu",
) -> None:
    """Write ``report.html`` on a model, or that of a file, and the tables it is made from.

    Structures with elements that the model does not know are left out and counted.

    Parameters
    ----------
    structures
        Stores, files that ASE reads, SMILES; may be none: the named bonds are always shown.
    output
        Folder; an earlier report in it is replaced, and all of it is written or nothing.
    device
        Where to load the model of a file.

    Raises
    ------
    InputError
        If the folder holds something else or the working folder, the model or structures cannot
        be used, or the model knows none of all structures.
    """
    output = output.resolve()  # of a link, the folder that it leads to is replaced
    _require_own(output)
    sources = [file_or_smiles(one) for one in structures]
    names = _names(sources)
    model = loaded(model, device)
    with provenance.whole_folder(output) as folder:
        bonds = named.decompose_named(model, folder)
        sets = [
            decompose_set(model, source, name, folder)
            for source, name in zip(sources, names, strict=True)
        ]
        if not any(one.summary for one in (bonds.structures, *sets)):
            raise InputError(
                f"{model.path}: knows {', '.join(model.type_names)}, and so none of the named "
                f"bonds' molecules{' nor of the given structures' if sets else ''}. Give "
                "structures of these elements."
            )
        inputs = [model.path, *(one for one in sources if isinstance(one, Path))]
        _write_tables(sets, folder, own_run(model.path), inputs)
        page = report_page(model, bonds, sets)
        (folder / PAGE_FILE).write_text(page, encoding="utf-8")


def _names(sources: Sequence[Path | str]) -> list[str]:
    """Return the folder of each source's tables."""
    names = [name_of(one) for one in sources]
    for k, name in enumerate(names):
        if name in (NAMED_BONDS, PAGE_FILE, *_TABLES, *names[:k]):
            raise InputError(
                f"structures {sources[k]}: the folder of their tables, {name}, is that of others; "
                "the named bonds are in every report. Leave them out, or rename the file."
            )
    return names


def _write_tables(
    sets: Sequence[StructureSet], folder: Path, run: Mapping[str, Any], inputs: Sequence[Path]
) -> None:
    errors = [{"structures": one.name, **one.errors} for one in sets if one.errors is not None]
    if errors:
        table = tables.with_run(pd.DataFrame(errors), run)
        tables.write(table, folder / ERRORS_FILE, inputs=inputs)
    left = [(one.name, *row) for one in sets for row in one.left_out]
    if left:
        columns = ["structures", "structure", "molecule", "unknown_elements"]
        tables.write(pd.DataFrame(left, columns=columns), folder / LEFT_OUT_FILE, inputs=inputs)


def _require_own(output: Path) -> None:
    """Refuse a folder with anything but an earlier report, and the one that the user is in."""
    other = next((path for path in _entries(output) if not _is_own(path)), None)
    if other is not None:
        raise InputError(
            f"{output}: holds {other.name}, which is not of a report. Give a new folder after -o."
        )
    if Path.cwd().is_relative_to(output):
        raise InputError(
            f"{output}: is the folder that you are in, and a report replaces its folder as a "
            "whole. Give a new folder after -o."
        )


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _is_own(path: Path) -> bool:
    names = {PAGE_FILE, *_TABLES}
    if path.is_dir():
        names = set(DECOMPOSED_FILES)
        return all(one.is_file() and _stem(one) in names for one in _entries(path))
    return _stem(path) in names


def _stem(path: Path) -> str:
    return path.name.removesuffix(".provenance.json")
