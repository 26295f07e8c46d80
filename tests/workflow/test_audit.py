"""What `make audit` says of pip-audit's answer."""

import importlib.util
import subprocess
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "audit.py"
FOUND = """{"dependencies": [
    {"name": "requests", "version": "2.19.0",
     "vulns": [{"id": "PYSEC-2018-28", "fix_versions": ["2.20.0"]}]},
    {"name": "numpy", "version": "2.4.0", "vulns": []},
    {"name": "inhouse", "skip_reason": "not found on the index"}]}"""


@pytest.fixture
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("stdout", "code", "said"),
    [
        (FOUND, 1, ["requests 2.19.0: PYSEC-2018-28, mended in 2.20.0", "3 packages, 1 known"]),
        (FOUND.replace("PYSEC", "GHSA"), 1, ["GHSA-2018-28", "1 not known to the index"]),
        ('{"dependencies": [{"name": "a", "version": "1", "vulns": []}]}', 0, ["1 packages, 0"]),
        ("", 0, ["nothing was checked: no network"]),
    ],
)
def test_a_known_vulnerability_ends_in_an_error(
    stdout: str,
    code: int,
    said: list[str],
    audit: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def answer(*_: Any, **__: Any) -> SimpleNamespace:
        return SimpleNamespace(stdout=stdout, stderr="no network")

    monkeypatch.setattr(subprocess, "run", answer)
    assert audit.main() == code
    out = capsys.readouterr().out
    assert [text for text in said if text not in out] == []
