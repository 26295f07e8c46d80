"""No reader holds a whole file: memory does not grow with its size."""

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ase.io import iread

from e3d.store.layouts import reader

MiB = 2**20
WATER = """3
Properties=species:S:1:pos:R:3:forces:R:3 energy=-2000.5
O 0.0 0.0 0.1 0.0 0.0 0.5
H 0.0 0.7 -0.5 0.0 0.1 -0.25
H 0.0 -0.7 -0.5 0.0 -0.1 -0.25
"""


@pytest.fixture(autouse=True)
def _short_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("e3d.store.layouts.frames.LONGEST_GROUP", 16)


def _peak(work: Callable[[], object]) -> int:
    """Return the most bytes that Python held at once while it did ``work``."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def _count(layout: str, source: Path) -> int:
    return sum(len(group.energy) for group in reader(layout)(source))


@pytest.mark.parametrize("layout", ["mptrj", "matpes"])
def test_reading_4_mib_of_json_takes_as_much_memory_as_1_mib(
    layout: str, mptrj_frame: Any, matpes_record: Any, json_file: Any
) -> None:
    text = json.dumps(
        (mptrj_frame if layout == "mptrj" else matpes_record)("Li O " * 20, mp_id=None)
    )

    def written(size: int) -> Path:
        items = [
            f'"mp-{i}": {{"f": {text}}}' if layout == "mptrj" else text
            for i in range(size // len(text))
        ]
        body = ", ".join(items)
        return Path(
            json_file("{" + body + "}" if layout == "mptrj" else f"[{body}]", f"{size}.json")
        )

    small, large = written(MiB), written(4 * MiB)
    assert 3 * _count(layout, small) < _count(
        layout, large
    )  # both are read whole; imports and caches are warm
    few, many = (_peak(lambda path=path: _count(layout, path)) for path in (small, large))
    assert many < 1.1 * few, f"{many} bytes for 4 MiB, {few} for 1 MiB"
    assert many < MiB
    assert _peak(lambda: json.loads(large.read_text())) > 4 * MiB, (
        "control: loading takes more than the file"
    )


def test_reading_extended_xyz_takes_less_memory_than_keeping_it(tmp_path: Path) -> None:
    source = tmp_path / "frames.xyz"
    source.write_text(WATER * 400)
    assert _count("extxyz", source) == 400
    streamed, kept = (
        _peak(work)
        for work in (lambda: _count("extxyz", source), lambda: list(iread(source, format="extxyz")))
    )
    assert streamed < kept / 2, f"{streamed} bytes, {kept} to keep them"
