"""Configurations: any text as a file, any value at any place, any option; Snakemake's own reading.

Hypothesis makes the inputs, the same ones every time; one that fails is made small.
"""

import copy
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import mutations
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from e3d.errors import InputError
from e3d.models.pair_potential import load_pair_potential
from e3d.options import read_yaml, run_columns
from planning import dry_run
from study.config import load_site, load_study, run_settings
from study.config_files import check_call, check_file
from study.given.registry import given_models
from study.run_settings import RunSettings
from study.schema import validate

ROOT = Path(__file__).parents[2]
SOME = int(os.environ.get("E3D_FUZZ_CASES", 80))
ALL = int(os.environ.get("E3D_FUZZ_CASES", 1500))
CASES = ALL if os.environ.get("E3D_RELIABILITY") == "all" else SOME
HYPOTHESIS = settings(
    max_examples=CASES,
    derandomize=True,
    database=None,
    deadline=30_000,  # ms
    suppress_health_check=[HealthCheck.too_slow],
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(1, 9)
    | st.floats(0.01, 5)
    | st.sampled_from([2**31, 2**63, 10**40, -(10**40)])
    | st.floats()
    | st.text()
    | st.sampled_from(mutations.NASTY)
    | st.dates(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
Tried = Callable[[str, int, str], None]
FILES = ("config", "datasets", "models")


@pytest.fixture(autouse=True)
def _in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def shipped() -> dict[str, dict[str, Any]]:
    """The configuration that ships: the study, its datasets, models and cluster."""
    known = {name: read_yaml(ROOT / "config" / f"{name}.yaml") for name in FILES}
    return known | {"site": read_yaml(ROOT / "cluster" / "site.yaml")}


def explore(
    tried: Tried, what: str, strategy: st.SearchStrategy[Any], action: Callable[[Any], Any]
) -> list[Any]:
    """Call an action with many inputs; each is refused in one line or gives what is returned."""
    given_back: list[Any] = []
    refused = [0]

    @HYPOTHESIS
    @given(strategy)
    def each(value: Any) -> None:
        try:
            given_back.append(action(value))
        except InputError as error:
            require_one_line(str(error))
            refused[0] += 1

    each()
    accepted = len(given_back)
    ended = f"{accepted} accepted, {refused[0]} refused"
    tried(f"configurations, {what}", accepted + refused[0], ended)
    return given_back


def require_one_line(message: str) -> None:
    """Fail unless a message is one line that a terminal shows as it is, and a sentence."""
    assert message.isprintable(), repr(message)
    assert message.endswith("."), repr(message)


# --- texts


def test_any_text_as_a_file(tried: Tried, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"

    def read(text: str | bytes) -> dict[str, Any]:
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        return read_yaml(path)

    texts = st.text() | st.binary() | st.sampled_from(mutations.NASTY)
    assert all(isinstance(found, dict) for found in explore(tried, "any text", texts, read))


def test_a_word_or_a_line_changed(
    tried: Tried, shipped: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    def load(drawn: tuple[Random, str]) -> None:
        rng, name = drawn
        path = ROOT / ("cluster" if name == "site" else "config") / f"{name}.yaml"
        copied = tmp_path / path.name
        _, text = mutations.of_text(path.read_text(), rng, " :,[]{}")
        copied.write_text(text, newline="")
        check(shipped | {name: read_yaml(copied)})

    drawn = st.tuples(st.randoms(use_true_random=False), st.sampled_from([*FILES, "site"]))
    explore(tried, "a word or a line changed", drawn, load)


# --- values


def test_any_value_at_any_place(tried: Tried, shipped: dict[str, dict[str, Any]]) -> None:
    def load(drawn: tuple[str, int, Any, bool]) -> None:
        name, number, value, renamed = drawn
        changed = copy.deepcopy(shipped)
        known = list(places(changed[name]))
        *outer, last = known[number % len(known)]
        inner: Any = changed[name]
        for key in outer:
            inner = inner[key]
        if renamed and isinstance(inner, dict):
            inner[value if isinstance(value, str | int | bool) else str(value)] = inner.pop(last)
        else:
            inner[last] = value
        check(changed)

    names, numbers = st.sampled_from([*FILES, "site"]), st.integers(0, 10**6)
    drawn = st.tuples(names, numbers, VALUES, st.booleans())
    explore(tried, "any value or name at any place", drawn, load)


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value, those of dictionaries and lists, too."""
    for key in tree if isinstance(tree, dict) else range(len(tree)):
        yield (*path, key)
        if isinstance(tree[key], dict | list):
            yield from places(tree[key], (*path, key))


def check(values: dict[str, dict[str, Any]]) -> None:
    """Load a study and a cluster; what is accepted must be what was given, and fit to be run."""
    study = load_study(values["config"], values["datasets"], values["models"])
    given_models(values["models"])
    validate(values["site"], "site")
    runs = list(study.runs())
    names = [run["run"] for run in runs]
    assert len(set(names)) == len(names)
    for run in names:
        assert re.fullmatch(r"[\w-]+/n[1-9]\d*/[\w+-]+/s\d+", run), run
    for run in runs[:3]:
        settings = run_settings(study, run, study.values["pathvars"]["results"])
        text = yaml.safe_dump(settings.as_dict())
        assert RunSettings.from_dict(yaml.safe_load(text)) == settings
        assert RunSettings.from_dict(json.loads(json.dumps(settings.as_dict()))) == settings
        training = settings.training
        assert training.energy_weight > 0 or training.force_weight > 0
    for section in ("grid", "training", "entropy", "null_models"):
        for key, value in values["config"].get(section, {}).items():
            assert study.values[section][key] == value
            assert type(study.values[section][key]) is type(value)


@pytest.mark.parametrize(
    ("what", "name", "content", "read"),
    [
        ("partitions", "site.yaml", lambda value: {"partitions": value}, load_site),
        ("a partition", "site.yaml", lambda value: {"partitions": {"a": value}}, load_site),
        (
            "a pair",
            "x.pair.yaml",
            lambda value: {"r_max_ang": 5, "pairs": {"C-H": value}},
            lambda path: load_pair_potential(path, "cpu"),
        ),
        ("a run", "run.yaml", lambda value: {"run": value}, run_columns),
    ],
)
def test_any_value_in_other_files(
    what: str,
    name: str,
    content: Callable[[Any], Any],
    read: Callable[[Path], Any],
    tried: Tried,
    tmp_path: Path,
) -> None:
    def load(value: Any) -> Any:
        (tmp_path / name).write_text(yaml.safe_dump(content(value)))
        return read(tmp_path / name)

    explore(tried, f"any value for {what}", VALUES, load)


# --- what has been seen

DEEP = 10_000
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]\n" for k in range(1, 9)
)
SEEN: dict[str, tuple[str | bytes, str]] = {
    "a name twice": ("study: a\nstudy: b\n", "'study' stands there a second time"),
    "an alias in itself": ("grid: &g\n  dataset: *g\n", "inside of what it stands for"),
    "all in itself": ("&a\nstudy: *a\n", "inside of what it stands for"),
    "aliases of aliases": (BOMB, "stand for more than 100,000 values"),
    "deep lists": ("study: " + "[" * DEEP + "]" * DEEP, "nested too deeply"),
    "60 levels": ("study: " + "[" * 60 + "]" * 60, "more than 50 levels"),
    "deep JSON": ('{"study": ' + "[" * DEEP + "]" * DEEP + "}", "nested too deeply"),
    "no UTF-8": (b"study: \xff\xfe\n", "not valid YAML"),
    "UTF-16": ("study: smoke\n".encode("utf-16"), "not valid YAML"),
    "a null byte": ("study: a\0b\n", "not valid YAML"),
    "nothing": ("", "holds nothing"),
    "a list": ("- 1\n", "holds a list"),
    "a tab": ("study:\tsmoke\n\tgrid: 1\n", "not valid YAML"),
    "a Python object": ('study: !!python/object/apply:os.system ["true"]\n', "not valid YAML"),
    "an expression": ("__use_yte__: true\nstudy: ?1/0\n", "division by zero"),
    "5,000 digits": ("training: {steps: " + "9" * 5000 + "}\n", "not valid YAML"),
    "40 digits": ("training: {steps: " + "9" * 40 + "}\n", "whole number of 133 bits"),
    "octal": ("grid: {seed: [010]}\n", "YAML reads '010' as 8;"),
    "sexagesimal": ("training: {steps: 1:40}\n", "YAML reads '1:40' as 100;"),
    "a line break at the end": ('study: "smoke\\n"\n', "must match"),
    "a date": ("study: 2020-01-01\n", "reads it as a date"),
    "Norway": ("figures: {molecules: [NO]}\n", "yes, no, on and off as true or false"),
    "a flag for a seed": ("grid: {seed: [true]}\n", "expected integer"),
    "an exponent": ("training: {steps: 1e3}\n", "YAML reads it as text"),
    "not a number": ("training: {learning_rate: .nan}\n", "must be a finite number"),
    "a loss of nothing": ("training: {energy_weight: 0, force_weight: 0.0}\n", "both 0"),
    "results in the root": ("pathvars: {results: /}\n", "has the project's folder in it"),
    "results above": ("pathvars: {results: ../..}\n", "has the project's folder in it"),
    "results here": ("pathvars: {results: .}\n", "is the project's folder"),
    "results in the code": ("pathvars: {results: src}\n", "the project's own src"),
    "results published": ("pathvars: {results: results/published/x}\n", "results/published"),
    "results twice named": ("pathvars: {results: ./results}\n", "would have two names"),
    "results among others": ("pathvars: {results: /etc}\n", "nothing of a study"),
    "a wildcard": ('grid: {dataset: ["{x}"]}\n', "is not in config/datasets.yaml"),
    "a name of 300 letters": (f"study: {'a' * 300}\n", "at most 100 characters"),
}
PATHS = ("data/{x}.hdf5", "data/x}.hdf5", "x\ny", "x\0y", "", "/", "x" * 400, "<results>/x", "a//b")
WITHOUT_PROFILE = ("sexagesimal",)
"""Read by Snakemake first, which the profile of the project would not let happen."""
IN_CI = (
    *("a name twice", "aliases of aliases", "deep lists", "no UTF-8", "an expression", "octal"),
    *WITHOUT_PROFILE,
)


@pytest.mark.parametrize("name", SEEN)
def test_what_has_been_seen(
    name: str,
    fresh: Path,
    tmp_path: Path,
    everything: bool,
    tried: Tried,
) -> None:
    """Through Snakemake; but for some in CI, by what it calls."""
    content, part = SEEN[name]
    path = tmp_path / "bad.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    if everything or name in IN_CI:
        profile = ["--workflow-profile", "none"] * (name in WITHOUT_PROFILE)
        done = dry_run(fresh, "--configfile", str(path), *profile)
        assert done.returncode
        assert "Traceback" not in done.text
        (line,) = [line for line in done.text.splitlines() if line.startswith("e3d:")]
    else:
        line = refusal(path)
    assert part in line
    assert line.endswith(".")
    tried("configurations, seen before", 1, "refused in one line")


def refusal(path: Path) -> str:
    """Return what a study with an overlay is refused with."""
    from snakemake.utils import update_config

    def load() -> None:
        check_file(path)
        values = read_yaml(ROOT / "config" / "config.yaml")
        update_config(values, read_yaml(path))
        load_study(values, read_yaml(ROOT / "config" / "datasets.yaml"))

    with pytest.raises(InputError) as caught:
        load()
    return str(caught.value)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("key", ["path", "molecules", "isolated_atoms"])
def test_a_path_that_is_a_wildcard_or_none(
    key: str, path: str, shipped: dict[str, dict[str, Any]], input_error: Any
) -> None:
    datasets = shipped["datasets"]
    datasets = datasets | {"minispice": datasets["minispice"] | {key: path}}
    with input_error(f"datasets: minispice.{key} = "):
        load_study(shipped["config"], datasets)


@pytest.mark.parametrize("name", ["128", "007", "1e3", "null", "NA", "inf", "True"])
def test_a_name_that_tables_read_as_something_else(
    name: str, shipped: dict[str, dict[str, Any]], input_error: Any
) -> None:
    config, datasets = shipped["config"], shipped["datasets"]
    sizes = config["models"]
    with input_error(f"models: the name '{name}'", "with a letter"):
        load_study(config | {"models": {**sizes, name: sizes["nano"]}}, datasets)
    with input_error(f"datasets: the name '{name}'"):
        load_study(config, {**datasets, name: datasets["minispice"]})


@pytest.mark.parametrize(
    "call",
    [
        ["--config", "foo"],
        ["--config", "5=3"],
        ["--config", "study=&a [*a]"],
        ["--config", "published=true"],
        ["--config", "grid={n_train: [16]}"],
        ["--config", "training={steps: 200, batch_size: 8}"],
    ],
    ids=["no value", "no name", "an alias in itself", "a truth value", "a number", "numbers"],
)
def test_a_value_of_the_command_line(call: list[str]) -> None:
    with pytest.raises(SystemExit, match=r"^e3d: --config .*\.$"):
        check_call(call)


def test_a_target_taken_for_a_configuration_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    call = ["--configfile", "config/smoke.yaml", "results/smoke/bde/named.csv"]
    with pytest.raises(SystemExit, match=r"named\.csv: no such file.* needs -- before it"):
        check_call(call)
    check_call([*call[:2], "--", call[2]])


@pytest.mark.parametrize("path", ["data/x y.hdf5", "/data/Å (1)/x'y.hdf5", "../x.h5", "-x.h5"])
def test_a_path_of_a_user(path: str, shipped: dict[str, dict[str, Any]]) -> None:
    datasets = shipped["datasets"]
    entry = datasets["minispice"] | {"path": path, "url": "https://x.example/x"}
    assert load_study(shipped["config"], datasets | {"minispice": entry})


@pytest.mark.parametrize(
    "content",
    [b"\xef\xbb\xbfstudy: x\n", b"study: x\r\ntraining:\r\n  steps: 500\r\n", b'{"study": "x"}'],
    ids=["byte order mark", "line breaks of Windows", "JSON"],
)
def test_what_is_fine_stays_fine(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(content)
    assert read_yaml(tmp_path / "x.yaml")["study"] == "x"
