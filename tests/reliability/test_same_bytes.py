"""A study has the same bytes on one core as on two, whatever its memory held before.

The study is run again from nothing, training included. Its jobs run one after another, with
another order of sets, and in memory that glibc fills with zeros before it hands it out; elsewhere
it holds what was there before.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from study_of_tests import RESULTS, Undisturbed, contents, prepare, run

OTHER_MEMORY = {"PYTHONHASHSEED": "7", "MALLOC_PERTURB_": "255"}
A_PART = ("--omit-from", "tables_collect")
"""The jobs of the run, without those that stack, draw and tell: killed ones are run twice."""


def test_a_study_on_one_core_has_the_same_bytes(
    undisturbed: Undisturbed,
    tmp_path: Path,
    everything: bool,
    tried: Callable[[str, int, str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    study = tmp_path / "study"
    prepare(study, everything=everything)
    for name, value in OTHER_MEMORY.items():
        monkeypatch.setenv(name, value)
    done = run(study, "--cores", "1", "--show-failed-logs", *(() if everything else A_PART))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    found, wanted = contents(study / RESULTS), undisturbed.contents
    assert {name for name in found if found[name] != wanted.get(name)} == set()
    missing = {Path(name).parts[0] for name in wanted.keys() - found.keys()}
    assert not everything or not missing
    tables = [name for name in found if name.endswith((".csv", ".parquet", ".h5"))]
    assert len(tables) >= 40
    tried("files of a study made on one core, not two", len(found), "all the same bytes")
