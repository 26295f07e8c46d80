"""A server on this machine that has one file and fails in every way a server can."""

import random
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

CONTENT = random.Random(0).randbytes(300_000)
Answer = Callable[["Handler"], None]


@dataclass
class Mirror:
    """What the server has and how it behaves; ``answers`` go to the next requests, once."""

    content: bytes = CONTENT
    etag: str | None = '"v1"'
    modified: str | None = None
    ranges: bool = True
    answers: deque[Answer] = field(default_factory=deque)
    requests: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    @property
    def asked(self) -> list[str | None]:
        """The ranges that were asked for."""
        return [request.get("Range") for request in self.requests]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    mirror: Mirror

    def do_GET(self) -> None:
        self.mirror.requests.append(dict(self.headers))
        answer = self.mirror.answers.popleft() if self.mirror.answers else Handler.well
        answer(self)

    def well(self, send: int | None = None) -> None:
        """Answer as a server should; with ``send``, cut the connection after so many bytes."""
        mirror = self.mirror
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range") in (None, mirror.etag, mirror.modified)
        start = int(asked[1]) if asked and same and mirror.ranges else 0
        self.head(
            206 if start else 200, {"Content-Length": str(len(mirror.content) - start)}, start
        )
        self.wfile.write(mirror.content[start:][:send])
        self.close_connection = send is not None

    def head(self, status: int, headers: dict[str, str], start: int = 0) -> None:
        self.send_response(status)
        marks = {"ETag": self.mirror.etag, "Last-Modified": self.mirror.modified}
        if status == 206:
            size = len(self.mirror.content)
            marks["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        for name, value in {**marks, **headers}.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def cut(after: int) -> Answer:
    return lambda handler: handler.well(after)


def status(code: int, **headers: str) -> Answer:
    return lambda handler: handler.head(
        code, {"Content-Length": "0"} | {k.replace("_", "-"): v for k, v in headers.items()}
    )


def body(content: bytes, **headers: str) -> Answer:
    def answer(handler: Handler) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        handler.head(200, {"Content-Length": str(len(content))} | named)
        handler.wfile.write(content)

    return answer


class QuietServer(ThreadingHTTPServer):
    """Says nothing where the other side hangs up: standard error is what is tested."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over it."""


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """A server on this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    mirror = Mirror()
    server = QuietServer(("127.0.0.1", 0), type("MirrorHandler", (Handler,), {"mirror": mirror}))
    mirror.url = f"http://127.0.0.1:{server.server_port}/set.hdf5"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield mirror
    server.shutdown()
    server.server_close()
    thread.join()
