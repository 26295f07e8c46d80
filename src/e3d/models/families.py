"""What kind of model an archive holds, read from the names in it: nothing is executed."""

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from e3d.errors import InputError, one_line

_ATOMIC: Final = "puts its energies on atoms, not on edges, so there is nothing to decompose"

_FAMILIES: Final = {
    "allegro": None,
    "mace": f"a MACE model, which {_ATOMIC}",
    "schnetpack": f"a SchNetPack model, which {_ATOMIC}",
    "metatomic": "a metatomic model, which returns no energies of edges",
    "nequip": f"a NequIP model, which {_ATOMIC}",
}
"""Why models of a package are refused, by the package's name; Allegro's, which uses nequip's, are
not."""

_GLOBAL: Final = rb"(?s)(?:c|X....|\x8c.)%b\."
"""How a pickle begins the name of a module, by its protocol."""

_BEGINNING: Final = b"PK\x03\x04"
_ADVICE: Final = "Give an Allegro model"
_MOST_PACKED: Final = 100
"""Weights are hardly packed; the text of a script is, some ten times."""


def is_archive(path: Path) -> bool:
    """Say whether a file begins as a zip archive does."""
    with path.open("rb") as file:
        return file.read(len(_BEGINNING)) == _BEGINNING


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive; what the block reads of it stays in memory.

    Raises
    ------
    InputError
        If the file is none, or anything in the block goes wrong.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _require_modest(archive, path)
            yield archive
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"{path}: not an archive of a model that can be read ({type(error).__name__}: "
            f"{one_line(error)}): it was cut short, is damaged, or of another kind. Copy it again "
            "from where it was trained or published."
        ) from error


def _require_modest(archive: zipfile.ZipFile, path: Path) -> None:
    """Refuse an archive made to fill the memory of whoever unpacks it."""
    unpacked = sum(member.file_size for member in archive.infolist())
    packed = path.stat().st_size
    if unpacked > _MOST_PACKED * packed:
        raise InputError(
            f"{path}: unpacks to {unpacked:,} bytes from {packed:,}, and an archive of a model to "
            f"at most {_MOST_PACKED} times its size. Get the file from where it was published."
        )


def require_undamaged(path: Path) -> None:
    """Compare an archive with its checksums, which PyTorch's reader does not look at.

    Raises
    ------
    InputError
        If it is none, or a part of it is damaged.
    """
    with open_archive(path) as archive:
        has_checksums = any(member.CRC for member in archive.infolist())
        damaged = archive.testzip() if has_checksums else None
    if damaged:
        raise InputError(f"{path}: {damaged} in it is damaged. Copy the file again.")


def require_allegro(path: Path) -> None:
    """Look whether an archive is a script of an Allegro model.

    Raises
    ------
    InputError
        If it is none; the line says what it is.
    """
    require_undamaged(path)
    with open_archive(path) as archive:
        names = archive.namelist()
    if not any("/code/__torch__/" in name for name in names):
        raise InputError(
            f"{path}: {kind(path) or 'holds no TorchScript'}. {_ADVICE} that `nequip-compile` "
            "wrote, or its checkpoint."
        )
    if _family(names) != "allegro":
        raise InputError(f"{path}: {kind(path) or 'a script of another kind of model'}. {_ADVICE}.")


def kind(path: Path) -> str | None:
    """Say why a file of a known family is refused, or return None. Nothing is unpickled.

    Raises
    ------
    InputError
        If it is a damaged archive.
    """
    if not is_archive(path):
        return None
    with open_archive(path) as archive:
        names = archive.namelist()
        pickled = [archive.read(name) for name in names if name.endswith("/data.pkl")]
    family = _family(names) or _family_of_classes(b"\n".join(pickled))
    return _FAMILIES[family] if family else None


def _family(names: list[str]) -> str | None:
    """Return the package whose code a script holds."""
    return next(
        (one for one in _FAMILIES if any(f"/code/__torch__/{one}/" in name for name in names)),
        None,
    )


def _family_of_classes(pickled: bytes) -> str | None:
    """Return the package whose classes a pickle names."""
    return next((one for one in _FAMILIES if re.search(_GLOBAL % one.encode(), pickled)), None)
