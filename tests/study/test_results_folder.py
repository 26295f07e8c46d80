"""Where a study may write."""

from pathlib import Path

import pytest

from e3d.errors import InputError
from study.results_folder import check_results


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_results_may_hold_another_study_that_was_planned_or_run(folder: Path) -> None:
    check_results("results")
    (folder / "results" / "controls" / ".code").mkdir(parents=True)
    check_results("results")
    check_results("results/controls")


def test_results_may_not_hold_other_things(folder: Path) -> None:
    (folder / "results" / "holidays" / "data").mkdir(parents=True)
    with pytest.raises(InputError, match="holds 'holidays' and nothing of a study"):
        check_results("results")
