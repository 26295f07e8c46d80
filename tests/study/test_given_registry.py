"""The registry of public models, and fetching one from a server on this machine."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from e3d.options import read_yaml
from fetch_fixtures import CONTENT, Mirror, cut, status
from study.cli import main
from study.given.registry import SUFFIXES, GivenModel, given_models, read_models
from study.schema import rules_of

Change = dict[str, Any]


@pytest.fixture
def registry(root: Path) -> Path:
    return root / "config" / "models.yaml"


def test_what_ships_is_pinned_and_outside_of_the_repository(registry: Path, root: Path) -> None:
    models = read_models(registry)
    assert set(models) >= {"spice2-medium", "coo2", "water-zbl"}
    assert "/models/" in (root / ".gitignore").read_text().splitlines()
    suffixes = {
        "checkpoint": ".ckpt",
        "package": ".nequip.zip",
        "torchscript": ".nequip.pth",
        "aotinductor": ".nequip.pt2",
    }
    for name, model in models.items():
        assert isinstance(model, GivenModel)
        assert model.name == name
        assert Path(model.path).parent == Path("models")
        assert model.path.endswith(suffixes[model.format])
        assert re.fullmatch(
            r"https://raw\.githubusercontent\.com/[\w-]+/[\w-]+/[0-9a-f]{40}/\S+", model.url
        )
        assert model.bytes
        assert model.sha256
        assert "do not redistribute" in model.licence
        assert bool(model.architecture) == (model.format == "aotinductor")
    spice = models["spice2-medium"]
    assert (spice.bytes, spice.smallest_molecule, spice.dataset) == (3_070_912, 3, "spice2")


def test_schema_and_readme_name_the_same_keys(root: Path) -> None:
    rules = rules_of("models")["additionalProperties"]["properties"]
    assert all(rule.get("description") for rule in rules.values())
    text = (root / "config" / "README.md").read_text(encoding="utf-8")
    section = text.split("## Models of others\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", section, flags=re.MULTILINE)
    documented = [key for cell in cells for key in re.findall(r"`(\w+)`", cell)]
    assert sorted(documented) == sorted({*rules})


@pytest.mark.parametrize(
    ("change", "texts"),
    [
        ({"colour": "red"}, ["unknown key 'colour' at coo2"]),
        ({"format": "onnx"}, ["coo2.format = 'onnx'", "torchscript"]),
        ({"sha256": "12"}, ["sha256 = '12' - must match"]),
        ({"url": "ftp://host/file"}, ["must match"]),
        ({"n_train": -1}, ["n_train = -1 - must be at least 0"]),
        ({"smallest_molecule": 0}, ["must be at least 1"]),
        ({"licence": None}, ["licence = None - expected string"]),
        ({"dataset": "a b"}, ["dataset = 'a b' - must match"]),
        ({"path": "models/my model.ckpt"}, ["path = 'models/my model.ckpt' - must match"]),
        ({"path": "models/{run}.ckpt"}, ["must match"]),
        ({"path": "models//coo2.ckpt"}, ["must match"]),
        ({"path": ""}, ["path = '' - must match"]),
        ({"path": "models/coo2.onnx"}, ["of the format checkpoint ends in .ckpt"]),
        ({"format": "torchscript"}, ["of the format torchscript ends in .pth"]),
    ],
)
def test_entries_are_checked(
    change: Change, texts: list[str], registry: Path, input_error: Callable[..., Any]
) -> None:
    values = read_yaml(registry)
    with input_error(*texts):
        given_models({"coo2": values["coo2"] | change})


def test_formats_are_those_that_the_library_loads() -> None:
    from e3d.models.load import LOADERS

    assert sorted(SUFFIXES.values()) == sorted(LOADERS)


def test_a_name_that_yaml_reads_as_a_number_is_refused(
    registry: Path, input_error: Callable[..., Any]
) -> None:
    with input_error("models: the name 3 is no text", "quotes"):
        given_models({3: read_yaml(registry)["coo2"]})  # type: ignore[dict-item]


def test_a_name_that_stands_twice_is_refused(
    registry: Path, tmp_path: Path, input_error: Callable[..., Any]
) -> None:
    text = registry.read_text(encoding="utf-8")
    twice = tmp_path / "models.yaml"
    twice.write_text(text + text[text.index("coo2:") :], encoding="utf-8")
    with input_error("'coo2' stands there a second time"):
        read_models(twice)


@pytest.mark.parametrize("settings", ["{}", '{"run": "given/a", "dataset": "b"}'])
def test_columns_of_a_run_that_are_missing_are_named(
    settings: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "run.yaml"
    assert main(["given", "settings", settings, "-o", str(output)]) == 2
    [line] = capfd.readouterr().err.splitlines()
    assert "n_train" in line
    assert not output.exists()


def test_a_missing_key_is_named(registry: Path, input_error: Callable[..., Any]) -> None:
    values = read_yaml(registry)
    del values["coo2"]["licence"]
    with input_error("coo2 lacks 'licence'"):
        given_models(values)


@pytest.fixture
def listed(mirror: Mirror, registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a config/models.yaml that names the mirror's file."""
    entry = read_yaml(registry)["coo2"]
    facts = {"bytes": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest()}
    entries = {
        "remote": entry | facts | {"path": "models/remote.ckpt", "url": mirror.url},
        "local": {key: value for key, value in entry.items() if key != "url"},
    }
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "models.yaml").write_text(yaml.safe_dump(entries))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_model_is_fetched_to_its_path_or_elsewhere(mirror: Mirror, listed: Path) -> None:
    mirror.answers.append(cut(100_000))
    assert main(["model", "fetch", "remote"]) == 0
    assert (listed / "models" / "remote.ckpt").read_bytes() == CONTENT
    assert mirror.asked == [None, "bytes=100000-"]  # it resumed
    assert main(["model", "fetch", "remote"]) == 0  # it is there
    assert len(mirror.requests) == 2
    assert main(["model", "fetch", "remote", "-o", "other.ckpt"]) == 0
    assert (listed / "other.ckpt").read_bytes() == CONTENT
    by_url = ["model", "fetch", "any", "--url", mirror.url, "--bytes=", "--sha256="]
    assert main([*by_url, "-o", "third.ckpt"]) == 0
    assert (listed / "third.ckpt").read_bytes() == CONTENT


def test_a_wrong_model_is_not_kept(
    mirror: Mirror, listed: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    mirror.content = bytes(len(CONTENT))
    assert main(["model", "fetch", "remote"]) == 2
    error = capfd.readouterr().err.splitlines()[-1]
    assert "expected" in error
    assert error.endswith("or correct `url`, `bytes` and `sha256` of the model.")
    assert not list((listed / "models").glob("*"))


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        (["remot"], ["model 'remot'", "did you mean 'remote'", "add the model"]),
        (["local"], ["model 'local' has no `url`", "those with one: remote", "models/coo2.ckpt"]),
        (["remote", "--models", "none.yaml"], ["none.yaml: no such file"]),
        (["x", "--url", "http://127.0.0.1:9/x"], ["Give it a name after -o"]),
        (["remote", "-o", "config"], ["config: is a folder"]),
    ],
)
def test_mistakes_on_the_command_line(
    arguments: list[str], texts: list[str], listed: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["model", "fetch", *arguments]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    for text in texts:
        assert text in line
    assert [path.name for path in listed.rglob("*") if path.is_file()] == ["models.yaml"]


def test_a_missing_file_is_one_line(
    mirror: Mirror, listed: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    mirror.answers.append(status(404))
    assert main(["model", "fetch", "remote"]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "answered 404" in line
    assert "Correct its `url`" in line


def test_models_are_listed(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = ["--models", str(root / "config" / "models.yaml")]
    assert main(["model", "list", *models]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" ")[0] for line in lines] == [*read_models(Path(models[1]))]
    assert all("licence: " in line for line in lines)
    assert main(["model", "list", *models, "-o", str(tmp_path / "list.txt")]) == 0
    assert (tmp_path / "list.txt").read_text().splitlines() == lines
