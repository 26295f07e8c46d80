"""The command line: instant help, light imports, one-line errors, logs, and commands used by hand."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from e3d.cli import main

ROOT = Path(__file__).parents[1]
RESOURCES = ROOT / "resources"
ENVIRONMENT = {"PYTHONPATH": str(ROOT / "workflow"), "PATH": "/usr/bin:/bin"}


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(' '.join(m.split('.')[0] for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not {"torch", "matplotlib", "pandas", "numpy"} & loaded_by("import e3d, e3d.cli, e3d.fields")


@pytest.mark.parametrize("stage", ["bde", "entropy", "scaling", "data.read", "data.split", "config", "train.run"])
def test_tables_and_data_need_no_torch(stage: str) -> None:
    assert not {"torch", "matplotlib"} & loaded_by(f"import e3d.{stage}")


@pytest.mark.parametrize(
    "command",
    [[], ["data"], ["data", "read"], ["data", "sample"], ["data", "label"], ["train"], ["decompose"], ["figures"]],
)
def test_every_command_has_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main([*command, "--help"])
    assert done.value.code == 0
    assert "usage: e3d" in capsys.readouterr().out


def test_data_commands_by_hand(tmp_path: Path) -> None:
    store, splits, subset = tmp_path / "store.h5", tmp_path / "splits.parquet", tmp_path / "n20.csv"
    assert main(["data", "read", str(RESOURCES / "minispice.hdf5"), "--layout", "spice", "-o", str(store)]) == 0
    assert main(["data", "split", str(store), "-o", str(splits)]) == 0
    assert main(["data", "subset", str(store), "--splits", str(splits), "--n", "20", "-o", str(subset)]) == 0
    assert len(pd.read_csv(subset)) == 20
    assert (tmp_path / "n20.csv.provenance.json").is_file()


def test_bad_input_is_one_line_on_the_terminal_and_in_the_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log, output = tmp_path / "logs" / "read.log", tmp_path / "out" / "store.h5"
    code = main(["data", "read", str(tmp_path / "none.hdf5"), "-o", str(output), "--log", str(log)])
    error = capfd.readouterr().err
    assert code == 2
    assert error.startswith("e3d: error: ")
    assert error.count("\n") == 1
    assert "Traceback" not in error + log.read_text()
    assert error in log.read_text()
    assert not output.exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["settings", "{"], "not JSON"),
        (["settings", "[]"], "not a JSON object"),
        (["train", "none.yaml"], "no such file"),
        (["collect", "none.csv"], "no such table"),
        (["figures", ".", "--name", "paritty"], "did you mean 'parity'"),
        (["evaluate", "none.ckpt", "none.h5"], "no such model"),
        (["data", "read", str(RESOURCES / "minispice.hdf5"), "--layout", "spise"], "did you mean 'spice'"),
        (["data", "read", str(RESOURCES / "minispice.smi")], "not a readable HDF5 file"),
        (["bde", "none", "--bde", "a", "--bond-energies", "b"], "no such table"),
    ],
)
def test_every_stage_says_what_is_wrong(
    arguments: list[str], text: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*arguments, "-o", "output"]) == 2
    error = capfd.readouterr().err
    assert text in error
    assert error.count("\n") == 1
    assert not list(tmp_path.rglob("*"))
