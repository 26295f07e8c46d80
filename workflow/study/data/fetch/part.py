"""What has arrived of a file that is being downloaded, kept so that a killed download resumes.

While FILE is incomplete ``.FILE.part`` lies beside it, with ``.FILE.part.json``: the address, the
size of the whole, and the server's mark of the version (ETag or Last-Modified) of these bytes.
"""

import contextlib
import fcntl
import json
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from e3d import provenance
from e3d.errors import InputError

log = logging.getLogger(__name__)


class Part:
    """The bytes of ``url`` that have arrived, and which version of the file they are of.

    Attributes
    ----------
    size
        Bytes that arrived.
    total
        Bytes of the whole file; None where the server did not say.
    mark
        The server's ETag or Last-Modified of the version; None where it gave none.
    """

    def __init__(self, path: Path, handle: BinaryIO, url: str) -> None:
        self.path = path
        self.url = url
        self._handle = handle
        self._facts = path.with_name(path.name + ".json")
        self.size = os.fstat(handle.fileno()).st_size
        facts = read_facts(self._facts)
        self.total: int | None = facts.get("bytes")
        self.mark: str | None = facts.get("mark")
        if facts.get("url") != url:
            self.restart(None, None)

    @property
    def complete(self) -> bool:
        """Whether as many bytes arrived as the file has; False where that is not known."""
        return self.total is not None and self.size >= self.total

    def restart(self, mark: str | None, total: int | None) -> None:
        """Throw away what arrived; what comes next is of the version ``mark``."""
        if self.size:
            log.info(
                "%s: starting from zero; %d bytes of another version or address are dropped",
                self.path,
                self.size,
            )
        self._handle.truncate(0)
        self.size, self.mark, self.total = 0, mark, total
        provenance.write_json(self._facts, {"url": self.url, "bytes": total, "mark": mark})

    def write(self, block: bytes) -> None:
        """Add the next bytes."""
        self._handle.write(block)
        self.size += len(block)

    def flush(self) -> None:
        """Bring every byte to the file."""
        self._handle.flush()

    def require_space(self, total: int | None) -> None:
        """Refuse to start what the disk cannot hold.

        Raises
        ------
        InputError
            If fewer bytes are free than are to come of ``total``.
        """
        free = shutil.disk_usage(self.path.parent).free
        if total is not None and total - self.size > free:
            raise InputError(
                f"{self.path.parent}: {total - self.size} bytes are to come and {free} are free. "
                "Free some space, or fetch to another disk: `-o`, or another `path`."
            )

    def become(self, target: Path) -> None:
        """Give the complete part its name."""
        os.replace(self.path, target)
        self._facts.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove the part."""
        self.path.unlink(missing_ok=True)
        self._facts.unlink(missing_ok=True)


@contextlib.contextmanager
def open_part(target: Path, url: str) -> Iterator[Part]:
    """Open what has arrived of ``target``, for this process alone; an empty part is removed.

    Raises
    ------
    InputError
        If another process is downloading the same file.
    """
    path = target.with_name(f".{target.name}.part")
    with provenance.naming(path), path.open("ab") as handle:
        if not _locked(handle, path):
            raise InputError(
                f"{target}: another process is downloading it. "
                "Wait for it, or stop it and run again."
            )
        part = Part(path, handle, url)
        try:
            yield part
        finally:
            if part.size == 0:
                part.discard()


def _locked(handle: BinaryIO, path: Path) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # a file system without locks
        log.warning(
            "%s: cannot be locked (%s); do not fetch it twice at the same time", path, error
        )
    # another process may have finished meanwhile: then this handle is of its target
    return path.exists() and os.path.samestat(os.fstat(handle.fileno()), path.stat())


def read_facts(path: Path) -> dict[str, Any]:
    """Return what a JSON file beside a download says; nothing if it is missing or damaged."""
    with contextlib.suppress(OSError, ValueError):
        facts = json.loads(path.read_text(encoding="utf-8"))
        return facts if isinstance(facts, dict) else {}
    return {}
