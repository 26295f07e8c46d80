"""The command line: instant help, light imports, one-line errors, logs, and commands used by hand."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from planning import PYTHONPATH
from study.cli import main

ROOT = Path(__file__).parents[2]
RESOURCES = ROOT / "resources"
ENVIRONMENT = {"PYTHONPATH": PYTHONPATH, "PATH": "/usr/bin:/bin"}


DRAWING = {"matplotlib"}
NETWORKS = {"torch", "lightning", "hydra", "nequip"}
ARRAYS = {"numpy", "pandas", "scipy", "h5py", "rdkit"}
RANKS = {"scipy.stats"}  # half a second; loaded where ranks are computed
LIGHT = [  # what these import, together, and what none of it needs
    ("cli options data.commands fields errors units figures findings", ARRAYS | DRAWING | NETWORKS),
    ("config data.entries data.made", ARRAYS | DRAWING | NETWORKS),
    ("tables publish", {"scipy", "h5py", "rdkit"} | DRAWING | NETWORKS),
    ("data.read data.make.label.run data.fetch.run", {"pandas", "scipy"} | DRAWING | NETWORKS),
    ("data.split data.choose data.mix entropy bde train.run", RANKS | DRAWING | NETWORKS),
    ("edges keys pairs", {"pandas", "scipy", "h5py", "rdkit"} | DRAWING | NETWORKS),
    (
        "potential decompose.run evaluate null.fit reactivity.run reactivity.dynamics",
        DRAWING | NETWORKS,
    ),
    ("scaling", {"h5py", "rdkit"} | RANKS | DRAWING | NETWORKS),
    (
        "findings.study figures.parity figures.learning figures.emergence figures.distributions",
        RANKS | NETWORKS,
    ),
]


def loaded_by(*modules: str) -> set[str]:
    """Return every module that a new interpreter holds after importing these."""
    code = f"import sys, {', '.join(modules)}; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(("stages", "needless"), LIGHT)
def test_no_stage_imports_what_it_does_not_use(stages: str, needless: set[str]) -> None:
    assert not needless & loaded_by("e3d", *(f"e3d.{stage}" for stage in stages.split()))


def test_what_a_stage_does_import_is_seen() -> None:
    assert {"pandas", "scipy.special"} <= loaded_by("study.entropy")
    assert "matplotlib" in loaded_by("study.figures.style")


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["data"],
        ["data", "read"],
        ["data", "sample"],
        ["data", "label"],
        ["train"],
        ["decompose"],
        ["figures"],
    ],
)
def test_every_command_has_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main([*command, "--help"])
    assert done.value.code == 0
    assert "usage: e3d" in capsys.readouterr().out


def test_data_commands_by_hand(tmp_path: Path) -> None:
    store, splits, subset = tmp_path / "store.h5", tmp_path / "splits.parquet", tmp_path / "n20.csv"
    assert (
        main(
            [
                "data",
                "read",
                str(RESOURCES / "minispice.hdf5"),
                "--layout",
                "spice",
                "-o",
                str(store),
            ]
        )
        == 0
    )
    assert main(["data", "split", str(store), "-o", str(splits)]) == 0
    assert (
        main(
            ["data", "subset", str(store), "--splits", str(splits), "--n", "20", "-o", str(subset)]
        )
        == 0
    )
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


def test_the_log_of_an_unfinished_attempt_stays(tmp_path: Path) -> None:
    log = tmp_path / "read.log"
    options = ["-o", str(tmp_path / "store.h5"), "--layout", "spice", "--log", str(log)]

    def read(source: Path, *, removed: bool) -> int:
        if removed:  # as Snakemake does before every attempt
            log.unlink()
        command = [sys.executable, "-m", "e3d", "data", "read", str(source), *options]
        return subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=False).returncode

    assert read(tmp_path / "none.hdf5", removed=False) == 2
    assert read(tmp_path / "another.hdf5", removed=True) == 2
    assert read(RESOURCES / "minispice.hdf5", removed=False) == 0
    assert read(RESOURCES / "minispice.hdf5", removed=True) == 0
    assert "frames" in log.read_text()
    assert "none.hdf5: no such file" in (tmp_path / "read.log.1").read_text()
    assert "another.hdf5: no such file" in (tmp_path / "read.log.2").read_text()
    assert sorted(path.name for path in tmp_path.glob("read.log*")) == [
        "read.log",
        "read.log.1",
        "read.log.2",
    ]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["settings", "{"], "not JSON"),
        (["settings", "[]"], "not a JSON object"),
        (["train", "none.yaml"], "no such file"),
        (["collect", "none.csv"], "no such table"),
        (["figures", ".", "--name", "paritty"], "did you mean 'parity'"),
        (["evaluate", "none.ckpt", "none.h5"], "no such model"),
        (
            ["data", "read", str(RESOURCES / "minispice.hdf5"), "--layout", "spise"],
            "did you mean 'spice'",
        ),
        (["data", "read", str(RESOURCES / "minispice.smi")], "not a readable HDF5 file"),
        (["bde", "none", "--bde", "a", "--bond-energies", "b"], "no such table"),
    ],
)
def test_every_stage_says_what_is_wrong(
    arguments: list[str],
    text: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*arguments, "-o", "output"]) == 2
    error = capfd.readouterr().err
    assert text in error
    assert error.count("\n") == 1
    assert not list(tmp_path.rglob("*"))
