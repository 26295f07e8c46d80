"""Fetch the file of a dataset or model: once, resumed when cut, named only when it is right.

Where a checksum is not published, the first download records it in
``FILE.fetched.json``, and later downloads from the same address must agree with it.
"""

import dataclasses
import hashlib
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from requests import Response

from e3d import provenance
from e3d.errors import InputError, choices
from e3d.options import read_yaml
from study.data.fetch.download import DEFAULT_PATIENCE, Patience, download
from study.data.fetch.part import open_part, read_facts
from study.schema import validate

log = logging.getLogger(__name__)

_BLOCK = 1 << 20
_THIS_MACHINE: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Fingerprint:
    """Size and checksums of a file, in either case; None is not known."""

    bytes: int | None = None
    md5: str | None = None
    sha256: str | None = None

    @property
    def has_checksum(self) -> bool:
        """Whether contents can be checked, not only their size."""
        return self.md5 is not None or self.sha256 is not None

    def fits(self, found: "Fingerprint") -> bool:
        """Whether everything known here is so of ``found``."""
        wanted, given = dataclasses.asdict(self), dataclasses.asdict(found)
        return all(
            value is None or str(value).lower() == str(given[key]).lower()
            for key, value in wanted.items()
        )

    def __str__(self) -> str:
        known = {key: value for key, value in dataclasses.asdict(self).items() if value is not None}
        return ", ".join(
            f"{value} bytes" if key == "bytes" else f"{key} {value}" for key, value in known.items()
        )


@dataclass(frozen=True)
class Source:
    """Where the file of a dataset or model is fetched from, and what it must be.

    ``kind`` is what it is of: ``dataset`` or ``model``.
    """

    name: str
    url: str
    expected: Fingerprint = field(default_factory=Fingerprint)
    kind: str = "dataset"


def find_source(registry: Path, name: str, kind: str = "dataset") -> tuple[Source, Path]:
    """Return where ``name`` of a datasets.yaml or models.yaml is fetched from, and its ``path``.

    Raises
    ------
    InputError
        If the YAML is not valid, or has no such entry or none with a ``url``.
    """
    entries = validate(read_yaml(registry), f"{kind}s")
    if name not in entries:
        raise InputError(
            f"{kind} {name!r} is not in {registry} - {choices(name, entries)}. "
            f"Correct the name, or add the {kind}."
        )
    entry = entries[name]
    if "url" not in entry:
        fetched = ", ".join(other for other, values in entries.items() if "url" in values) or "none"
        raise InputError(
            f"{kind} {name!r} has no `url` in {registry} - those with one: {fetched}. "
            f"Put its file at {entry['path']}, or give the entry a `url`."
        )
    expected = Fingerprint(entry.get("bytes"), entry.get("md5"), entry.get("sha256"))
    return Source(name, entry["url"], expected, kind), Path(entry["path"])


def fetch(source: Source, target: Path, patience: Patience = DEFAULT_PATIENCE) -> None:
    """Bring the file of ``source`` to ``target``; a right file that is there is left alone.

    Raises
    ------
    InputError
        If the file that is there or came is not the expected one, or as
        :func:`study.data.fetch.download.download`.
    """
    if target.is_dir():
        raise InputError(
            f"{target}: is a folder, and the file of {source.name!r} goes there. Give another path."
        )
    _require_safe(source, source.url)
    expected, remedy = _expected(source, target)
    if target.exists():
        _check_present(source, target, expected, remedy)
        return
    with provenance.made_folder(target.parent), open_part(target, source.url) as part:
        part.require_space(expected.bytes)
        download(part, lambda *offer: _accept(source, expected, remedy, *offer), patience)
        found = fingerprint(part.path)
        if not expected.fits(found):
            part.discard()
            raise InputError(
                f"{source.name}: {source.url} gave {found} - expected {expected}. It was not "
                f"kept: run again if it was damaged on its way, or {remedy}."
            )
        _record(source, target, found)
        part.become(target)
    log.info("%s: fetched from %s: %s", target, source.url, found)


def fingerprint(path: Path) -> Fingerprint:
    """Read a file once and return its size and checksums."""
    log.info("%s: computing checksums", path)
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            md5.update(block)
            sha256.update(block)
            size += len(block)
    return Fingerprint(size, md5.hexdigest(), sha256.hexdigest())


def _expected(source: Source, target: Path) -> tuple[Fingerprint, str]:
    """Return what the file must be, and how to accept another.

    Its entry says what; without a checksum there, what the same address gave first.
    """
    record = read_facts(_record_path(target))
    if source.expected.has_checksum or record.get("url") != source.url:
        checks = "`bytes`, `md5`" if source.kind == "dataset" else "`bytes`"
        return source.expected, f"correct `url`, {checks} and `sha256` of the {source.kind}"
    first = {name: record.get(name) for name in ("bytes", "md5", "sha256")}
    remedy = f"remove {_record_path(target)}, which holds what was fetched first, to take it"
    return Fingerprint(**first), remedy


def _check_present(source: Source, target: Path, expected: Fingerprint, remedy: str) -> None:
    before = read_facts(_record_path(target)).get("url", source.url)
    if not expected.has_checksum and before != source.url:
        raise InputError(
            f"{target}: was fetched from {before}, and the `url` of {source.name!r} is now "
            f"{source.url}. Remove the file to fetch it again, or give the {source.kind} another "
            "`path`."
        )
    found = fingerprint(target)
    if not expected.fits(found):
        raise InputError(
            f"{target}: the file that is there has {found} - expected of {source.name!r}: "
            f"{expected}. Remove it to fetch it again, or {remedy}."
        )
    known = "it is as expected" if expected.has_checksum else "no checksum is known to check it by"
    log.info("%s: is there already; %s: %s", target, known, found)


def _accept(
    source: Source,
    expected: Fingerprint,
    remedy: str,
    total: int | None,
    response: Response,
) -> None:
    """Refuse what cannot be the file, before it costs hours or the bytes that have arrived."""
    _require_safe(source, response.url)
    if None not in (total, expected.bytes) and total != expected.bytes:
        raise InputError(
            f"{source.name}: {source.url} offers {total} bytes (its checksum is known only once "
            f"fetched) - expected {expected}. The server may have sent a page in its place: run "
            f"again later, or {remedy}."
        )
    if not expected.has_checksum and _is_page(response):
        raise InputError(
            f"{source.name}: {source.url} answers with a web page, not a file. Open it in a "
            f"browser to see what it asks for, and correct the {source.kind}'s `url`."
        )


def _is_page(response: Response) -> bool:
    return response.headers.get("Content-Type", "").startswith("text/html")


def _require_safe(source: Source, url: str) -> None:
    """Refuse an address, also one that was redirected to, where anyone on the way changes bytes."""
    parts = urlsplit(url)
    if (
        parts.scheme == "http"
        and parts.hostname not in _THIS_MACHINE
        and not source.expected.has_checksum
    ):
        wanted = "`sha256`" if source.kind == "model" else "`sha256` or `md5`"
        raise InputError(
            f"{source.name}: {url} is not encrypted, so its bytes may be anyone's - allowed: "
            f"https, or a checksum to hold them to. Give the {source.kind} its {wanted}, or an "
            "https address."
        )


def _record_path(target: Path) -> Path:
    return target.with_name(target.name + ".fetched.json")


def _record(source: Source, target: Path, found: Fingerprint) -> None:
    facts: dict[str, Any] = {source.kind: source.name, "url": source.url}
    facts |= dataclasses.asdict(found)
    facts["date"] = datetime.now(UTC).isoformat(timespec="seconds")
    provenance.write_json(_record_path(target), facts)


def fetch_entry(
    kind: str,
    name: str,
    registry: Path,
    url: str | None,
    expected: Fingerprint,
    output: Path | None,
) -> None:
    """Fetch the file of an entry of ``registry``, or whatever is at ``url``, into ``output``."""
    if url is None:
        source, path = find_source(registry, name, kind)
        fetch(source, output or path)
    elif output is None:
        raise InputError(f"--url {url}: nothing says where the file goes. Give it a name after -o.")
    else:
        fetch(Source(name, url, expected, kind), output)


def fetch_dataset(
    name: str,
    datasets: Path,
    url: str | None,
    bytes: int | None,
    md5: str,
    sha256: str,
    output: Path | None,
) -> None:
    """Fetch the file of a dataset of ``datasets``, or whatever is at ``url``, into ``output``."""
    expected = Fingerprint(bytes, md5 or None, sha256 or None)
    fetch_entry("dataset", name, datasets, url, expected, output)
