"""Carry a file over HTTP: a cut connection or a killed process costs no byte that arrived.

`requests` carries and urllib3's `Retry` decides when to try again (Snakemake brings both). Not
pooch, fsspec or Snakemake's http storage: they start a cut download again from zero or leave
resuming to their caller, and at 37 GB resuming is the task.

The rest of a file is asked for only ``If-Range`` of the version its beginning is of, so that two
versions are never glued together. From a server without ranges, or one that marks no versions, the
whole file is taken again.
"""

import contextlib
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import requests
from requests.adapters import HTTPAdapter
from tqdm import tqdm
from urllib3.exceptions import HTTPError, MaxRetryError, ProtocolError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Retry

from e3d import __version__
from e3d.errors import InputError
from study.data.fetch.mirrors import addresses, is_no_file
from study.data.fetch.part import Part

log = logging.getLogger(__name__)

Accept = Callable[[int | None, requests.Response], None]
_BLOCK = 1 << 20
_BUSY = (429, 500, 502, 503, 504)  # worth another try
_LOG_EVERY_S = 60.0


@dataclass(frozen=True)
class Patience:
    """How long to keep trying: tries in a row that bring nothing new, and the doubling wait."""

    retries: int = 8
    backoff_s: float = 1.0
    timeout_s: float = 60.0


DEFAULT_PATIENCE = Patience()


def download(part: Part, accept: Accept, patience: Patience = DEFAULT_PATIENCE) -> None:
    """Fill ``part``, resuming after every cut; a complete one asks nothing of the server.

    Parameters
    ----------
    part
        What has arrived of the file.
    accept
        Called with the size (None where the server does not say) and the answer that offers a
        whole file, before a byte of it is used; raises to refuse it.
    patience
        How long to keep trying.

    Raises
    ------
    InputError
        If the server cannot be reached or refuses, ``patience`` ends, or the disk is too small.
    """
    fresh = tries = _retries(patience)
    furthest = part.size
    with _session(patience) as session, _progress(part) as show:
        while not part.complete:
            try:
                with _ask(session, part, accept, patience.timeout_s) as response:
                    _receive(response.raw, part, show)
                break
            except HTTPError as error:
                tries = fresh if part.size > furthest else tries
                furthest = max(furthest, part.size)
                tries = _again(tries, part, error)
    part.flush()


def _session(patience: Patience) -> requests.Session:
    session = requests.Session()
    # identity: the bytes must be the file's own, whatever the server could compress them to
    session.headers.update({"Accept-Encoding": "identity", "User-Agent": f"e3d/{__version__}"})
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=_retries(patience)))
    return session


class _Retries(Retry):
    """Retries that say in the log why they wait, and how long."""

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        last = self.history[-1]
        wait = (self.get_retry_after(response) if response else None) or self.get_backoff_time()
        reason = last.error or f"answered {last.status}"
        log.info("%s; trying again in %.0f s, at most %s times more", reason, wait, self.total)
        super().sleep(response)


def _retries(patience: Patience) -> Retry:
    return _Retries(
        total=patience.retries,
        backoff_factor=patience.backoff_s,
        status_forcelist=_BUSY,
        raise_on_status=False,
    )


def _again(tries: Retry, part: Part, error: HTTPError) -> Retry:
    """Wait after a cut, and return the tries that are left."""
    try:
        tries = tries.increment("GET", part.url, error=error)
    except MaxRetryError:
        raise InputError(
            f"{part.url}: the connection was cut {len(tries.history) + 1} times in a row without "
            f"anything new ({_one_line(error)}). {_kept(part)}"
        ) from None
    tries.sleep()
    return tries


def _ask(
    session: requests.Session, part: Part, accept: Accept, timeout_s: float
) -> requests.Response:
    """Ask for the rest of the file, or for all of it, and make the part ready for the answer."""
    response = _get(session, part, timeout_s)
    try:
        if response.status_code == 206 and _continues(response.headers, part):
            log.info("%s: resuming at byte %d", part.path, part.size)
        elif response.status_code == 200:
            length = response.headers.get("Content-Length", "")
            total = int(length) if length.isdecimal() else None
            accept(total, response)
            part.restart(_mark(response.headers), total)
        elif part.size and response.status_code in (206, 416):  # a range that does not fit
            part.restart(None, None)
            response.close()
            return _ask(session, part, accept, timeout_s)
        else:
            raise _refused(response, part)
        part.require_space(part.total)
    except BaseException:
        response.close()
        raise
    return response


def _get(session: requests.Session, part: Part, timeout_s: float) -> requests.Response:
    """Ask for what is missing, at another address of the file where one has no file for us."""
    headers = {}
    if part.size and part.mark:
        headers = {"Range": f"bytes={part.size}-", "If-Range": part.mark}
    first, *others = addresses(part.url)
    try:
        response = session.get(first, headers=headers, stream=True, timeout=timeout_s)
        for other in others:
            if not is_no_file(response):
                break
            log.info("%s: answered %d; asking %s", response.url, response.status_code, other)
            response.close()
            response = session.get(other, headers=headers, stream=True, timeout=timeout_s)
    except requests.RequestException as error:
        reason = _one_line(error)
        raise InputError(
            f"{part.url}: cannot be reached ({reason}). Check the network, a proxy, and the `url`. "
            f"{_kept(part)}"
        ) from None
    return response


def _continues(headers: Mapping[str, str], part: Part) -> bool:
    """Say whether a 206 answer is the rest of the part, also where If-Range is ignored."""
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
    if match is None or int(match[1]) != part.size or part.mark is None:
        return False
    name = "ETag" if part.mark.startswith('"') else "Last-Modified"
    same_size = part.total is None or match[2] in ("*", str(part.total))
    return same_size and headers.get(name, part.mark) == part.mark


def _mark(headers: Mapping[str, str]) -> str | None:
    """Return what identifies the version byte for byte; a weak ETag (W/"...") does not."""
    etag = headers.get("ETag", "")
    return etag if etag.startswith('"') else headers.get("Last-Modified")


def _receive(body: BaseHTTPResponse, part: Part, show: Callable[[], None]) -> None:
    # read1: what has come is written at once, so that a cut loses nothing that arrived
    while block := body.read1(_BLOCK, decode_content=False):
        part.write(block)
        show()
    if part.total is not None and not part.complete:
        raise ProtocolError(f"{part.size} of {part.total} bytes arrived")


@contextlib.contextmanager
def _progress(part: Part) -> Iterator[Callable[[], None]]:
    """Yield what to call after each block: it moves a terminal's bar, or logs a line a minute."""
    logged = time.monotonic()
    with tqdm(
        initial=part.size, unit="B", unit_scale=True, desc=part.path.name, disable=None
    ) as bar:

        def show() -> None:
            nonlocal logged
            bar.total = part.total
            bar.update(part.size - bar.n)
            if bar.disable and time.monotonic() - logged > _LOG_EVERY_S:
                logged = time.monotonic()
                log.info("%s: %d of %s bytes", part.path, part.size, part.total or "unknown")

        yield show


def _refused(response: requests.Response, part: Part) -> InputError:
    answer = f"{part.url}: answered {response.status_code} {response.reason}".rstrip()
    if response.status_code in _BUSY:
        return InputError(f"{answer}, also when asked again. {_kept(part)}")
    if response.status_code == 202:  # a page that checks whether a browser asks
        return InputError(
            f"{answer}: it gives the file to no program. Fetch it with a browser and put it at its "
            "`path`, or give another `url`."
        )
    return InputError(f"{answer}. Correct its `url`, or put the file at its `path` by other means.")


def _kept(part: Part) -> str:
    return f"Run again later; the {part.size} bytes that arrived are kept."


def _one_line(error: BaseException) -> str:
    """Return the innermost reason of an error of requests or urllib3."""
    cause = error.args[0] if error.args and isinstance(error.args[0], BaseException) else error
    return " ".join(str(getattr(cause, "reason", None) or cause).split())
