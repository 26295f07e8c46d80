"""The command line: instant help, light imports, one-line errors, logs, commands used by hand."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from e3d import cli
from planning import PYTHONPATH
from study.cli import main

RESOURCES = Path(__file__).parents[2] / "resources"
ENVIRONMENT = {"PYTHONPATH": PYTHONPATH, "PATH": "/usr/bin:/bin"}

DRAWING = {"matplotlib"}
NETWORKS = {"torch", "lightning", "hydra", "nequip"}
ARRAYS = {"numpy", "pandas", "scipy", "h5py", "rdkit", "ase"}
RANKS = {"scipy.stats"}  # half a second; loaded where ranks are computed
LIGHT = [  # what these import, together, and what none of it needs
    ("e3d e3d.cli e3d_labels.cli study.cli study.stages", ARRAYS | DRAWING | NETWORKS),
    ("e3d.fields e3d.units e3d.errors e3d.options study.fields", ARRAYS | DRAWING | NETWORKS),
    ("e3d.edges e3d.keys e3d.pairs", ARRAYS - {"numpy"} | DRAWING | NETWORKS),
    ("e3d.chemistry e3d.statistics", {"pandas", "h5py"} | RANKS | DRAWING | NETWORKS),
    ("e3d.potential e3d.decomposition.tables e3d.evaluate", DRAWING | NETWORKS),
    ("e3d.store.convert e3d_labels.labelling", {"pandas", "scipy"} | DRAWING | NETWORKS),
    ("study.data.fetch.download study.data.fetch.part", ARRAYS | DRAWING | NETWORKS),
    ("study.config study.data.entries study.findings.sections", {"scipy", "h5py"} | NETWORKS),
    ("e3d.tables study.collect study.publish", {"scipy", "h5py", "rdkit"} | DRAWING | NETWORKS),
    ("study.data.split study.data.subset study.data.mix", RANKS | DRAWING | NETWORKS),
    ("study.entropy.tables study.bde.tables study.train.training", RANKS | DRAWING | NETWORKS),
    ("study.null.fit study.reactivity.scans", DRAWING | NETWORKS),
    ("study.scaling.fits", {"h5py", "rdkit"} | RANKS | DRAWING | NETWORKS),
    ("study.null.figure_parity study.scaling.figure_learning", RANKS | NETWORKS),
    ("study.scaling.figure_emergence study.entropy.figure_distributions", RANKS | NETWORKS),
]


def loaded_by(modules: str) -> set[str]:
    """Return every module that a new interpreter holds after importing these."""
    code = f"import sys, {', '.join(modules.split())}; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(("modules", "needless"), LIGHT)
def test_no_module_imports_what_it_does_not_use(modules: str, needless: set[str]) -> None:
    assert not needless & loaded_by(modules)


def test_what_a_module_does_import_is_seen() -> None:
    assert {"pandas", "scipy.special"} <= loaded_by("study.entropy.tables")
    assert "matplotlib" in loaded_by("study.null.figure_parity")


@pytest.mark.parametrize(
    "command", ["", "data", "data read", "data sample", "train", "decompose", "figures", "null"]
)
@pytest.mark.parametrize("program", [main, cli.main], ids=["python -m study", "e3d"])
def test_every_command_has_help(
    program: Callable[[list[str]], int], command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as done:
        program([*command.split(), "--help"])
    assert done.value.code == 0
    assert "usage: e3d" in capsys.readouterr().out


@pytest.mark.parametrize("package", ["e3d", "study"])
def test_programs_start_as_modules(package: str) -> None:
    command = [sys.executable, "-m", package, "--version"]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("e3d ")


def test_data_commands_by_hand(tmp_path: Path) -> None:
    store, splits, subset = tmp_path / "store.h5", tmp_path / "splits.parquet", tmp_path / "n20.csv"
    for command in (
        f"data read {RESOURCES / 'minispice.hdf5'} --layout spice -o {store}",
        f"data split {store} -o {splits}",
        f"data subset {store} --splits {splits} --n 20 -o {subset}",
    ):
        assert main(command.split()) == 0
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
        (["collect", "none.csv"], "none.csv: no such file or folder, given as TABLES"),
        (["figures", ".", "--name", "paritty"], "did you mean 'parity'"),
        (["evaluate", "none.ckpt", "none.h5"], "none.ckpt: no such file or folder, given as MODEL"),
        (
            ["data", "read", str(RESOURCES / "minispice.hdf5"), "--layout", "spise"],
            "did you mean 'spice'",
        ),
        (["data", "read", str(RESOURCES / "minispice.smi")], "not a readable HDF5 file"),
        (["bde", "none", "--bde", "a", "--bond-energies", "b"], "none: no such file or folder"),
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


def test_paths_and_devices_are_checked_before_anything_is_imported(tmp_path: Path) -> None:
    there = tmp_path / "there.h5"
    there.touch()
    model, gone = str(tmp_path / "none.ckpt"), str(tmp_path / "none.parquet")
    tried = (
        ["decompose", model, "C"],
        ["decompose", str(there), "C", "--splits", gone],
        ["report", str(there), "C", "--device", "cudo"],
        ["evaluate", str(there), str(there), gone],
        ["data", "teach", str(there), model],
        ["reactivity", model],
    )
    code = (
        "import json, sys\n"
        "from study.cli import main\n"
        "for words in json.loads(sys.argv[1]):\n"
        "    try:\n"
        "        assert main([*words, '-o', 'out']) == 2\n"
        "    except SystemExit as ended:\n"
        "        assert ended.code == 2\n"
        "heavy = {'torch', 'pandas', 'ase', 'rdkit', 'h5py'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    command = [sys.executable, "-c", code, json.dumps(tried)]
    ended = subprocess.run(
        command, env=ENVIRONMENT, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert len(ended.stderr.splitlines()) == len(tried)


@pytest.mark.parametrize(
    "arguments",
    [
        ["decompose", "{model}", "C", "none.xyz", "-o", "out"],
        ["report", "{model}", "none.xyz", "-o", "out"],
    ],
)
def test_structures_that_are_no_file_are_refused_at_once(
    arguments: list[str], tmp_path: Path
) -> None:
    model = tmp_path / "model.ckpt"
    model.touch()
    words = [word.format(model=model) for word in arguments]
    code = (
        "import sys; from e3d.cli import main; code = main(sys.argv[1:]); "
        "sys.exit(code if not {'torch', 'pandas', 'rdkit', 'ase'} & set(sys.modules) else 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        env=ENVIRONMENT, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "no such" in done.stderr
    assert done.stderr.count("\n") == 1
