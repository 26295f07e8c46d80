"""Fetching a dataset's file from a server on this machine that fails in every way a server can."""

import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from e3d.options import read_yaml
from fetch_fixtures import CONTENT, Handler, Mirror, body, cut, status
from planning import PYTHONPATH, copy_project, plan, snakemake
from study.cli import main
from study.config import load_study
from study.data.fetch.download import Patience
from study.data.fetch.mirrors import addresses
from study.data.fetch.sources import Fingerprint, Source, fetch, find_source
from study.schema import validate

FAST = Patience(retries=3, backoff_s=0.001, timeout_s=5.0)


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def known(content: bytes = CONTENT) -> Fingerprint:
    return Fingerprint(len(content), md5(content))


def source(mirror: Mirror, expected: Fingerprint | None = None) -> Source:
    return Source("set", mirror.url, known() if expected is None else expected)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


DONE = {"set.hdf5", "set.hdf5.fetched.json"}
CUT = {".set.hdf5.part", ".set.hdf5.part.json"}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "data" / "set.hdf5"


# --- what goes well


def test_a_file_is_fetched_checked_and_recorded(mirror: Mirror, target: Path) -> None:
    fetch(source(mirror), target, FAST)
    assert target.read_bytes() == CONTENT
    assert files(target.parent) == DONE
    record = json.loads((target.parent / "set.hdf5.fetched.json").read_text())
    assert record.pop("date")
    assert record == {
        "dataset": "set",
        "url": mirror.url,
        "bytes": len(CONTENT),
        "md5": md5(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
    }
    assert mirror.requests[0]["Accept-Encoding"] == "identity"


SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize(
    "expected",
    [known(), Fingerprint(), Fingerprint(sha256=SHA256), Fingerprint(sha256=SHA256.upper())],
)
def test_a_right_file_is_not_fetched_again(
    expected: Fingerprint, mirror: Mirror, target: Path
) -> None:
    fetch(source(mirror, expected), target, FAST)
    fetch(source(mirror, expected), target, FAST)
    assert len(mirror.requests) == 1


def test_a_file_put_there_by_hand_is_kept(mirror: Mirror, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(CONTENT)
    fetch(source(mirror), target, FAST)
    fetch(source(mirror, Fingerprint()), target, FAST)
    assert mirror.requests == []
    assert files(target.parent) == {"set.hdf5"}


def test_redirects_are_followed_with_the_range(mirror: Mirror, target: Path) -> None:
    mirror.answers += [status(302, Location="/there"), cut(1000), status(307, Location="/there")]
    fetch(source(mirror), target, FAST)
    assert target.read_bytes() == CONTENT
    assert mirror.asked == [None, None, "bytes=1000-", "bytes=1000-"]


def test_compressed_transfer_is_not_undone(mirror: Mirror, target: Path) -> None:
    mirror.content = b"\x1f\x8b" + CONTENT  # what a server says of a .gz file must not unpack it
    mirror.answers.append(body(mirror.content, Content_Encoding="gzip"))
    fetch(source(mirror, known(mirror.content)), target, FAST)
    assert target.read_bytes() == mirror.content


# --- cuts


@pytest.mark.parametrize("marks", [('"v1"', None), (None, "Wed, 01 Jul 2026 00:00:00 GMT")])
def test_cuts_cost_no_byte_that_arrived(
    marks: tuple[str | None, str | None], mirror: Mirror, target: Path
) -> None:
    mirror.etag, mirror.modified = marks
    mirror.answers += [cut(100_000), cut(1), cut(0), cut(99_999)]
    fetch(source(mirror), target, FAST)
    assert target.read_bytes() == CONTENT
    assert mirror.asked == [
        None,
        "bytes=100000-",
        "bytes=100001-",
        "bytes=100001-",
        "bytes=200000-",
    ]
    assert {request["If-Range"] for request in mirror.requests[1:]} == {marks[0] or marks[1]}


def test_many_cuts_are_no_reason_to_stop_while_something_arrives(
    mirror: Mirror, target: Path
) -> None:
    mirror.answers += [cut(20_000)] * 12
    fetch(source(mirror), target, FAST)
    assert target.read_bytes() == CONTENT
    assert len(mirror.requests) == 13


def test_cuts_without_progress_end_in_one_line_and_keep_the_part(
    mirror: Mirror, target: Path, input_error: Any
) -> None:
    mirror.answers += [cut(50_000), *[cut(0)] * 4]
    with input_error(mirror.url, "cut 4 times in a row", "the 50000 bytes that arrived are kept"):
        fetch(source(mirror), target, FAST)
    assert files(target.parent) == CUT
    fetch(source(mirror), target, FAST)
    assert target.read_bytes() == CONTENT
    assert mirror.asked[-1] == "bytes=50000-"


@pytest.mark.parametrize(
    "change",
    [{"ranges": False}, {"etag": None}, {"etag": 'W/"weak"'}],
    ids=["no ranges", "no mark", "weak mark"],
)
def test_without_ranges_or_marks_the_whole_is_taken_again(
    change: dict[str, Any], mirror: Mirror, target: Path
) -> None:
    for name, value in change.items():
        setattr(mirror, name, value)
    mirror.answers.append(cut(100_000))
    fetch(source(mirror), target, FAST)
    assert target.read_bytes() == CONTENT
    assert mirror.asked == [None, None if "etag" in change else "bytes=100000-"]


@pytest.mark.parametrize("size", [300_000, 299_999, 90_000])
def test_two_versions_are_never_glued(size: int, mirror: Mirror, target: Path) -> None:
    other = random.Random(1).randbytes(size)

    def replace(handler: Handler) -> None:
        handler.well(100_000)
        mirror.content, mirror.etag = other, '"v2"'

    mirror.answers.append(replace)
    fetch(source(mirror, Fingerprint()), target, FAST)
    assert target.read_bytes() == other
    assert mirror.asked == [None, "bytes=100000-"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"ETag": '"v2"'},  # ignores If-Range
        {"Content-Range": "bytes 90000-299999/300000"},
        {"Content-Range": "bytes 100000-299998/299999"},
        {"Content-Range": "nonsense"},
    ],
)
def test_a_range_that_does_not_fit_is_not_used(
    wrong: dict[str, str], mirror: Mirror, target: Path
) -> None:
    def misfit(handler: Handler) -> None:
        handler.head(206, {"Content-Length": "5"} | wrong, 100_000)
        handler.wfile.write(b"wrong")

    mirror.answers += [cut(100_000), misfit]
    fetch(source(mirror), target, FAST)
    assert target.read_bytes() == CONTENT
    assert mirror.asked == [None, "bytes=100000-", None]


def test_a_range_beyond_the_end_starts_again(mirror: Mirror, target: Path) -> None:
    mirror.answers += [cut(100_000), status(416)]
    fetch(source(mirror), target, FAST)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "damage", ["{", "[]", '{"url": "http://elsewhere/", "mark": "\\"v1\\"", "bytes": 300000}']
)
def test_a_part_of_unknown_origin_is_not_used(damage: str, mirror: Mirror, target: Path) -> None:
    target.parent.mkdir()
    (target.parent / ".set.hdf5.part").write_bytes(b"x" * 1000)
    (target.parent / ".set.hdf5.part.json").write_text(damage)
    fetch(source(mirror), target, FAST)
    assert target.read_bytes() == CONTENT
    assert mirror.asked == [None]


def test_a_complete_part_is_checked_without_the_server(mirror: Mirror, target: Path) -> None:
    target.parent.mkdir()
    (target.parent / ".set.hdf5.part").write_bytes(CONTENT)
    facts = {"url": mirror.url, "bytes": len(CONTENT), "mark": '"v1"'}
    (target.parent / ".set.hdf5.part.json").write_text(json.dumps(facts))
    fetch(source(mirror), target, FAST)
    assert target.read_bytes() == CONTENT
    assert mirror.requests == []


def test_a_killed_download_goes_on(mirror: Mirror, target: Path, tmp_path: Path) -> None:
    killed = threading.Event()

    def stall(handler: Handler) -> None:
        handler.head(200, {"Content-Length": str(len(CONTENT))})
        handler.wfile.write(CONTENT[:123_456])
        killed.wait(60)
        handler.close_connection = True

    mirror.answers.append(stall)
    command = [
        sys.executable,
        "-m",
        "e3d",
        "data",
        "fetch",
        "set",
        "--url",
        mirror.url,
        "-o",
        str(target),
    ]
    environment = os.environ | {"PYTHONPATH": PYTHONPATH}
    with subprocess.Popen(command, env=environment, cwd=tmp_path) as process:
        part = target.parent / ".set.hdf5.part"
        ends = time.monotonic() + 60
        while not (part.exists() and part.stat().st_size == 123_456) and time.monotonic() < ends:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    killed.set()
    assert process.returncode == -signal.SIGKILL
    assert files(tmp_path) == CUT
    fetch(source(mirror), target, FAST)
    assert target.read_bytes() == CONTENT
    assert mirror.asked == [None, "bytes=123456-"]
    assert files(tmp_path) == DONE


def test_two_downloads_of_one_file_do_not_mix(
    mirror: Mirror, target: Path, input_error: Any
) -> None:
    def meanwhile(handler: Handler) -> None:
        with input_error("another process is downloading it"):
            fetch(source(mirror), target, FAST)
        refused.set()
        handler.well()

    refused = threading.Event()
    mirror.answers.append(meanwhile)
    fetch(source(mirror), target, FAST)
    assert refused.is_set()
    assert target.read_bytes() == CONTENT


# --- servers that are busy, gone or wrong


def test_a_busy_server_is_asked_again_when_it_says(mirror: Mirror, target: Path) -> None:
    mirror.answers += [status(503, Retry_After="1"), status(429), status(502)]
    started = time.monotonic()
    fetch(source(mirror), target, FAST)
    assert time.monotonic() - started >= 1.0
    assert target.read_bytes() == CONTENT
    assert len(mirror.requests) == 4


def test_a_server_that_stays_busy_is_one_line_and_keeps_the_part(
    mirror: Mirror, target: Path, input_error: Any
) -> None:
    mirror.answers += [cut(100_000), *[status(503)] * 4]
    with input_error(mirror.url, "503 Service Unavailable", "100000 bytes that arrived are kept"):
        fetch(source(mirror), target, FAST)
    assert len(mirror.requests) == 5
    assert files(target.parent) == CUT


@pytest.mark.parametrize("code", [404, 403, 401, 410])
def test_a_missing_file_is_one_line_at_once(
    code: int, mirror: Mirror, target: Path, input_error: Any
) -> None:
    mirror.answers.append(status(code))
    with input_error(mirror.url, f"answered {code}", "Correct its `url`"):
        fetch(source(mirror), target, FAST)
    assert len(mirror.requests) == 1
    assert files(target.parent) == set()


def test_no_server_is_one_line(
    target: Path, input_error: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with input_error("http://127.0.0.1:9/set", "cannot be reached", "refused", "Check the network"):
        fetch(Source("set", "http://127.0.0.1:9/set"), target, FAST)
    assert files(target.parent) == set()


def test_wrong_bytes_give_size_and_checksum_of_both(
    mirror: Mirror, target: Path, input_error: Any
) -> None:
    wrong = CONTENT[:-1] + b"?"
    mirror.content = wrong
    sizes = f"{len(CONTENT)} bytes"
    with input_error(
        "set: ",
        f"gave {sizes}, md5 {md5(wrong)}",
        f"expected {sizes}, md5 {md5(CONTENT)}",
        "run again",
    ):
        fetch(source(mirror), target, FAST)
    assert files(target.parent) == set()
    mirror.content = CONTENT
    fetch(source(mirror), target, FAST)
    assert target.read_bytes() == CONTENT


def test_a_wrong_length_is_refused_before_it_costs_anything(
    mirror: Mirror, target: Path, input_error: Any
) -> None:
    mirror.answers += [cut(100_000), body(b"<html>closed for maintenance</html>", ETag='"page"')]
    with input_error(
        "offers 35 bytes", f"expected 300000 bytes, md5 {md5(CONTENT)}", "run again later"
    ):
        fetch(source(mirror), target, FAST)
    assert files(target.parent) == CUT
    fetch(source(mirror), target, FAST)
    assert mirror.asked == [None, "bytes=100000-", "bytes=100000-"], (
        "the page cost what had arrived"
    )


def test_a_wrong_length_that_was_not_announced(
    mirror: Mirror, target: Path, input_error: Any
) -> None:
    def unannounced(handler: Handler) -> None:
        handler.head(200, {"Connection": "close"})
        handler.wfile.write(CONTENT[:1000])

    mirror.answers.append(unannounced)
    with input_error(
        f"gave 1000 bytes, md5 {md5(CONTENT[:1000])}", f"expected 300000 bytes, md5 {md5(CONTENT)}"
    ):
        fetch(source(mirror), target, FAST)
    assert files(target.parent) == set()


def test_a_wrong_file_that_is_there_is_never_replaced(
    mirror: Mirror, target: Path, input_error: Any
) -> None:
    target.parent.mkdir()
    target.write_bytes(b"mine")
    with input_error(
        str(target), f"has 4 bytes, md5 {md5(b'mine')}", f"md5 {md5(CONTENT)}", "Remove it"
    ):
        fetch(source(mirror), target, FAST)
    assert target.read_bytes() == b"mine"
    assert mirror.requests == []


def test_a_web_page_is_no_dataset(mirror: Mirror, target: Path, input_error: Any) -> None:
    mirror.answers.append(body(b"<html>log in</html>", Content_Type="text/html; charset=utf-8"))
    with input_error("a web page, not a file"):
        fetch(source(mirror, Fingerprint()), target, FAST)
    assert files(target.parent) == set()


@pytest.mark.parametrize("answer", [202, 403])
def test_a_server_that_wants_a_browser_is_passed_by(
    answer: int, mirror: Mirror, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = mirror.url.replace("set", "other")
    monkeypatch.setattr("study.data.fetch.download.addresses", lambda url: [url, other])
    mirror.answers += [status(answer, Content_Type="text/html"), cut(100_000), status(answer)]
    fetch(source(mirror), target, FAST)
    assert target.read_bytes() == CONTENT
    assert mirror.asked == [None, None, "bytes=100000-", "bytes=100000-"]
    assert json.loads((target.parent / "set.hdf5.fetched.json").read_text())["url"] == mirror.url


def test_a_server_that_wants_a_browser_is_one_line(
    mirror: Mirror, target: Path, input_error: Any
) -> None:
    mirror.answers.append(status(202))
    with input_error("answered 202 Accepted: it gives the file to no program", "with a browser"):
        fetch(source(mirror), target, FAST)


def test_figshare_has_three_addresses_of_a_file() -> None:
    given = [
        "https://figshare.com/ndownloader/files/41619375",
        "https://ndownloader.figshare.com/files/41619375",
        "https://api.figshare.com/v2/file/download/41619375",
    ]
    assert [addresses(url)[0] for url in given] == given
    assert [set(addresses(url)) for url in given] == [set(given)] * 3
    for url in ("https://figshare.com/articles/7", "https://zenodo.org/records/1/files/7"):
        assert addresses(url) == [url]


def test_bytes_that_anyone_may_change_need_a_checksum(
    mirror: Mirror, target: Path, monkeypatch: pytest.MonkeyPatch, input_error: Any
) -> None:
    with input_error("is not encrypted", "Give the dataset its `sha256` or `md5`"):
        fetch(Source("set", "http://example.org/set.hdf5", Fingerprint(bytes=5)), target, FAST)
    # another name of this machine stands for one that is far away
    monkeypatch.setattr("study.data.fetch.sources._THIS_MACHINE", ("localhost",))
    near = mirror.url.replace("127.0.0.1", "localhost")
    mirror.answers.append(status(302, Location=mirror.url))
    with input_error(f"{mirror.url} is not encrypted"):
        fetch(Source("set", near), target, FAST)
    assert files(target.parent) == set()
    fetch(source(mirror), target, FAST)
    assert target.read_bytes() == CONTENT


# --- checksums that nobody published


def test_the_first_download_is_what_later_ones_are_held_to(
    mirror: Mirror, target: Path, input_error: Any
) -> None:
    unknown = source(mirror, Fingerprint())
    fetch(unknown, target, FAST)
    target.unlink()
    mirror.content, mirror.etag = CONTENT[::-1], '"v2"'
    with input_error(
        f"md5 {md5(CONTENT[::-1])}",
        f"expected 300000 bytes, md5 {md5(CONTENT)}",
        "remove",
        ".fetched.json",
    ):
        fetch(unknown, target, FAST)
    (target.parent / "set.hdf5.fetched.json").unlink()
    fetch(unknown, target, FAST)
    assert target.read_bytes() == CONTENT[::-1]
    target.write_bytes(CONTENT)
    with input_error("the file that is there has", "fetched.json"):
        fetch(unknown, target, FAST)


def test_another_address_is_another_file(mirror: Mirror, target: Path, input_error: Any) -> None:
    fetch(source(mirror, Fingerprint()), target, FAST)
    moved = Source("set", mirror.url.replace("set", "new"))
    with input_error(f"was fetched from {mirror.url}", moved.url, "Remove the file"):
        fetch(moved, target, FAST)
    target.unlink()
    mirror.content = b"newer"
    fetch(moved, target, FAST)
    assert target.read_bytes() == b"newer"


# --- disk


def _free(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free))


@pytest.mark.parametrize(
    ("expected", "asked"), [(known(), 0), (Fingerprint(), 1)], ids=["size known", "size unknown"]
)
def test_too_small_a_disk_is_known_before_the_first_byte(
    expected: Fingerprint,
    asked: int,
    mirror: Mirror,
    target: Path,
    input_error: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _free(monkeypatch, 299_999)
    with input_error("300000 bytes are to come and 299999 are free", "`-o`"):
        fetch(source(mirror, expected), target, FAST)
    assert len(mirror.requests) == asked
    assert files(target.parent) == set()


def test_only_what_is_to_come_needs_space(
    mirror: Mirror, target: Path, input_error: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.answers += [cut(100_000), status(404)]
    with input_error("404"):
        fetch(source(mirror), target, FAST)
    _free(monkeypatch, 199_999)
    with input_error("200000 bytes are to come"):
        fetch(source(mirror), target, FAST)
    _free(monkeypatch, 200_000)
    fetch(source(mirror), target, FAST)
    assert target.read_bytes() == CONTENT


# --- the list of datasets, and the command


def test_fetched_datasets_have_what_the_archives_say(root: Path) -> None:
    entries = validate(read_yaml(root / "config" / "datasets.yaml"), "datasets")
    fetched = {name for name, entry in entries.items() if "url" in entry}
    assert fetched >= {
        "spice1",
        "spice2",
        "spice2-1k",
        "transition1x",
        "ani1x",
        "mptrj",
        "matpes-pbe",
        "matpes-r2scan",
    }
    for name in fetched:
        found, path = find_source(root / "config" / "datasets.yaml", name)
        assert path.parent == Path("data"), name
        assert found.expected.has_checksum or name.startswith("matpes"), name
        assert (found.expected.bytes is None) == (found.expected.md5 is None), name
    table = (root / "docs" / "datasets.md").read_text()
    assert fetched - set(re.findall(r"`([\w-]+)`", table)) == set(), "not in docs/datasets.md"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"url": "ftp://host/file"}, "url = 'ftp://host/file' - must match"),
        ({"url": "https://host"}, "must match"),
        ({"md5": "12"}, "md5 = '12' - must match"),
        ({"bytes": 0}, "must be at least 1"),
        ({"bytes": "1e3"}, "expected integer"),
    ],
)
def test_entries_are_checked(
    change: dict[str, Any], text: str, root: Path, input_error: Any
) -> None:
    entry = read_yaml(root / "config" / "datasets.yaml")["spice2"]
    with input_error(text):
        validate({"spice2": entry | change}, "datasets")


def test_a_study_may_name_a_file_that_can_be_fetched(
    root: Path, input_error: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    values, datasets = (
        read_yaml(root / "config" / "config.yaml"),
        read_yaml(root / "config" / "datasets.yaml"),
    )
    values["grid"]["dataset"] = ["spice2"]
    datasets["spice2"]["path"] = "nowhere/SPICE.hdf5"
    assert load_study(values, datasets)
    del datasets["spice2"]["url"]
    with input_error("nowhere/SPICE.hdf5 is not there", "no `url`", "put the file there"):
        load_study(values, datasets)


@pytest.fixture
def listed(mirror: Mirror, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a config/datasets.yaml that names the mirror's file."""
    entry = read_yaml(root / "config" / "datasets.yaml")["minispice"]
    fetched = entry | {
        "path": "data/set.hdf5",
        "url": mirror.url,
        "bytes": len(CONTENT),
        "md5": md5(CONTENT),
    }
    del fetched["sha256"]
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "datasets.yaml").write_text(
        yaml.safe_dump({"minispice": entry, "remote": fetched})
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_fetches_to_the_path_or_elsewhere(mirror: Mirror, listed: Path) -> None:
    assert main(["data", "fetch", "remote"]) == 0
    assert (listed / "data" / "set.hdf5").read_bytes() == CONTENT
    assert main(["data", "fetch", "remote", "-o", "other.hdf5"]) == 0
    assert (listed / "other.hdf5").read_bytes() == CONTENT
    lists = ["--datasets", str(listed / "config" / "datasets.yaml")]
    assert main(["data", "fetch", "remote", *lists, "-o", "third.hdf5"]) == 0
    assert len(mirror.requests) == 3


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        (["remot"], ["'remot'", "did you mean 'remote'"]),
        (
            ["minispice"],
            ["has no `url`", "those with one: remote", "Put its file at resources/minispice.hdf5"],
        ),
        (["remote", "--datasets", "none.yaml"], ["none.yaml: no such file"]),
        (["x", "--url", "http://127.0.0.1:9/x"], ["Give it a name after -o"]),
        (["x", "--url", "nowhere", "-o", "x"], ["cannot be reached"]),
        (["remote", "-o", "config"], ["config: is a folder"]),
    ],
)
def test_mistakes_on_the_command_line(
    arguments: list[str], texts: list[str], listed: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "fetch", *arguments]) == 2
    error = capfd.readouterr().err
    assert error.count("\n") == 1, error
    for text in texts:
        assert text in error
    assert files(listed) == {"datasets.yaml"}


def test_sizes_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["data", "fetch", "x", "--bytes", "2 GB"])
    assert "'2 GB' - a size is a whole number of bytes" in capsys.readouterr().err


def test_a_download_shows_a_bar_on_a_terminal_only(mirror: Mirror, listed: Path) -> None:
    command = [sys.executable, "-m", "e3d", "data", "fetch", "remote"]
    environment = os.environ | {"PYTHONPATH": PYTHONPATH}
    quiet = subprocess.run(
        [*command, "-o", "a"], env=environment, capture_output=True, text=True, check=True
    )
    assert "%|" not in quiet.stderr
    terminal, screen = os.openpty()
    termios.tcsetwinsize(screen, (24, 120))
    subprocess.run([*command, "-o", "b"], env=environment, stderr=screen, check=True)
    os.close(screen)
    assert b"B/s" in os.read(terminal, 100_000)
    os.close(terminal)


# --- the workflow

STUDY = {"grid": {"dataset": ["remote"], "n_train": [8]}, "controls": []}


@pytest.fixture
def project(mirror: Mirror, tmp_path: Path, minispice: Path) -> Path:
    """A copy of the project whose study is on a copy of minispice that the mirror has."""
    mirror.content = minispice.read_bytes()
    (tmp_path / "project").mkdir()
    folder = copy_project(tmp_path / "project")
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    _list(folder, url=mirror.url, bytes=len(mirror.content), md5=md5(mirror.content))
    return folder


def _list(folder: Path, **facts: object) -> None:
    path = folder / "config" / "datasets.yaml"
    entries = yaml.safe_load(path.read_text())
    entry = {key: value for key, value in entries["minispice"].items() if key != "sha256"}
    entries["remote"] = {**entry, "path": "data/set.hdf5", **facts}
    path.write_text(yaml.safe_dump(entries))


def _plan(folder: Path) -> dict[str, int]:
    return plan(folder, "data", "--configfile", "config/smoke.yaml", "study.yaml")


def test_the_workflow_fetches_what_is_absent_and_nothing_else(
    project: Path, minispice: Path
) -> None:
    everything = plan(project, "--configfile", "config/smoke.yaml", "study.yaml")
    assert everything["data_fetch"] == everything["data_read"] == 1
    assert everything["train_run"] == 1
    smoke = plan(project, "--configfile", "config/smoke.yaml")
    assert "data_fetch" not in smoke
    (project / "data").mkdir()
    shutil.copy(
        minispice, project / "data" / "set.hdf5"
    )  # put there by hand: Snakemake knows nothing of it
    assert "data_fetch" not in _plan(project)


def test_a_failed_fetch_goes_on_and_a_finished_one_stays(
    mirror: Mirror, project: Path, tmp_path: Path
) -> None:
    run = ("data", "--configfile", "config/smoke.yaml", "study.yaml")
    mirror.answers += [cut(100_000), status(404)]
    failed = snakemake(project, *run)
    assert failed.returncode != 0
    (line,) = [line for line in failed.stderr.splitlines() if line.startswith("e3d: error:")]
    assert "404" in line
    assert files(project / "data") == CUT
    done = snakemake(project, *run)
    assert done.returncode == 0, done.stderr
    assert mirror.asked == [None, "bytes=100000-", "bytes=100000-"]
    assert (project / "data" / "set.hdf5").read_bytes() == mirror.content
    assert (
        "resuming at byte 100000"
        in (project / "results/smoke/logs/data/fetch/data/set.hdf5.log").read_text()
    )
    assert _plan(project) == {}
    _list(
        project,
        url=mirror.url,
        bytes=len(mirror.content),
        sha256=hashlib.sha256(mirror.content).hexdigest(),
    )
    assert _plan(project) == {}, "what is known of a file does not fetch it again"
    os.utime(project / "data" / "set.hdf5")
    assert "data_fetch" not in _plan(project)
    _list(project, url=f"{mirror.url}2")
    assert _plan(project)["data_fetch"] == 1


def test_a_path_of_any_kind_can_be_fetched_into(
    mirror: Mirror, project: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a disk" / "set.hdf5"
    _list(project, path=str(path), url=mirror.url, md5=md5(mirror.content))
    done = snakemake(project, "data", "--configfile", "config/smoke.yaml", "study.yaml")
    assert done.returncode == 0, done.stderr
    assert path.read_bytes() == mirror.content
