"""The configuration: ours is valid, mistakes are named with a fix, and the documents agree."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml

from e3d.options import read_yaml
from planning import with_those_below
from study import schemas
from study.config import Study, load_study, run_settings
from study.run_settings import RunSettings
from study.schema import validate
from study.stage import Runs
from study.stages import figures_made, names_of, sections_made

OVERLAYS = sorted(path.name for path in (Path(__file__).parents[2] / "config").glob("*.yaml"))
OVERLAYS = [
    name for name in OVERLAYS if name not in ("config.yaml", "datasets.yaml", "models.yaml")
]


def _merge(base: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """Merge as Snakemake merges configuration files: mappings by key, anything else replaced."""
    merged = copy.deepcopy(base)
    for key, value in overlay.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


@pytest.fixture
def default(root: Path) -> dict[str, Any]:
    return read_yaml(root / "config" / "config.yaml")


@pytest.fixture
def datasets(root: Path) -> dict[str, Any]:
    return read_yaml(root / "config" / "datasets.yaml")


@pytest.fixture
def in_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths of datasets are relative to the folder Snakemake runs in."""
    monkeypatch.chdir(root)


@pytest.fixture
def study(default: dict[str, Any], datasets: dict[str, Any], in_root: None) -> Study:
    return load_study(default, datasets)


# --- what ships


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_overlay_is_a_valid_study(
    name: str, default: dict[str, Any], datasets: dict[str, Any], in_root: None, root: Path
) -> None:
    for path in with_those_below(root, name):
        overlay = read_yaml(root / path)
        default = _merge(default, overlay)
    models = read_yaml(root / "config" / "models.yaml")
    study, own = load_study(default, datasets, models), read_yaml(root / "config" / "config.yaml")
    assert study.values["study"] == overlay["study"] != own["study"]
    assert study.values["pathvars"]["results"] != own["pathvars"]["results"], (
        "it would overwrite the default study"
    )
    assert [*study.runs(), *study.given_runs()]


HALVES = {"first": [0, 10], "second": [10, 20], "overlapping": [5, 20]}


@pytest.mark.parametrize(
    ("asked", "messages"),
    [
        ({"halves": ["first", "overlapping"]}, ["[0, 10]", "[5, 20]", "no molecule in common"]),
        ({"halves": ["first", "first"]}, ["answers.halves", "overlap"]),
        ({"halves": ["first", "minispice"]}, ["'minispice' is no part", "training_molecules"]),
        ({"halves": ["first", "other"]}, ["'other' is no part of 'minispice'"]),
        ({"halves": ["first", "taught"]}, ["'taught' is no part of 'minispice' with its labels"]),
        ({"other_labels": "minispice"}, ["has the labels of 'minispice'", "another theory"]),
        ({"other_labels": "first"}, ["has the labels of 'minispice'", "wB97M"]),
        ({"other_labels": "other"}, ["other frames than 'minispice'", "training_molecules are"]),
        (
            {"paths": ["resources/reactions.csv"]},
            ["answers.paths: resources/reactions.csv is no H"],
        ),
        ({"seed_sets": [[0, 1], [1, 2]]}, ["answers.seed_sets: seed 1 is there twice"]),
        ({"seed_sets": [[0, 9]]}, ["answers.seed_sets: no run has seed 9", "known: 0, 1"]),
        ({"seed_sets": [[0]]}, ["answers.seed_sets"]),
    ],
)
def test_answers_are_of_datasets_that_can_give_them(
    asked: dict[str, Any],
    messages: list[str],
    default: dict[str, Any],
    datasets: dict[str, Any],
    in_root: None,
    input_error: Any,
) -> None:
    facts = {"source": "s", "licence": "l"}
    teacher = "resources/teacher.pair.yaml"
    datasets |= {
        name: {"same_as": "minispice", "training_molecules": part, **facts}
        for name, part in HALVES.items()
    }
    datasets["other"] = {"same_as": "gfn2-same", "training_molecules": [10, 20], **facts}
    datasets["taught"] = {**datasets["second"], "teacher": teacher}
    default["grid"]["dataset"] = ["minispice", "gfn2-same", *HALVES, "other", "taught"]
    default["stages"] = ["answers"]
    right: dict[str, Any] = {
        "dataset": "minispice",
        "halves": ["first", "second"],
        "other_labels": "gfn2-same",
    }
    load_study({**default, "answers": right}, datasets)
    with input_error(*messages):
        load_study({**default, "answers": {**right, **asked}}, datasets)


def test_there_is_an_overlay() -> None:
    assert "smoke.yaml" in OVERLAYS


def _keys(rules: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the path of every key a schema allows; a free name is <name>."""
    named = dict(rules.get("properties", {}))
    if isinstance(rules.get("additionalProperties"), dict):
        named["<name>"] = rules["additionalProperties"]
    for name, rule in named.items():
        inner = list(_keys(rule, f"{prefix}{name}."))
        yield from inner or [prefix + name]


def _schema(name: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load(
        resources.files(schemas).joinpath(f"{name}.schema.yaml").read_text("utf-8")
    )
    return values


def test_schema_default_and_readme_name_the_same_keys(root: Path, default: dict[str, Any]) -> None:
    text = (root / "config" / "README.md").read_text(encoding="utf-8")
    documented = re.findall(r"^- `([^`]+)`:", text, flags=re.MULTILINE)
    assert len(documented) == len(set(documented)), "a key is documented twice"
    study = set(_keys(_schema("config")))
    dataset = {
        key.removeprefix("<name>.").removesuffix(".<name>") for key in _keys(_schema("datasets"))
    }
    parents = {key.rsplit(".", k)[0] for key in study for k in (1, 2) if key.count(".") >= k}
    assert (study | dataset) - set(documented) == set(), "not documented"
    assert set(documented) - study - dataset - parents == set(), "documented, but no such key"
    given = set(_keys_of(default))
    given |= {
        key for key in study if key.startswith("runtime.models.") and "runtime.models" not in given
    }
    assert study - given == set(), "not in config.yaml"
    assert given - study == set()


def _keys_of(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in values.items():
        label = "<name>" if prefix in ("models.", "variants.") else name
        if isinstance(value, dict) and prefix != "variants.":
            yield from _keys_of(value, f"{prefix}{label}.")
        else:
            yield prefix + label


def test_runtime_settings_of_a_size_and_its_variants(
    default: dict[str, Any], datasets: dict[str, Any]
) -> None:
    default["runtime"] |= {"kernels": "shipped", "models": {"micro": {"devices": 4}}}
    study = load_study(default, datasets)
    assert study.runtime("micro+r35") == study.runtime("micro")
    assert study.runtime("micro")["devices"] == 4
    assert study.runtime("nano")["devices"] == 1
    assert study.runtime("micro")["kernels"] == study.runtime("nano")["kernels"] == "shipped"


def test_every_key_of_the_schema_is_described() -> None:
    def bare(rules: dict[str, Any], path: str) -> Iterator[str]:
        for name, rule in rules.get("properties", {}).items():
            if "description" not in rule:
                yield f"{path}{name}"
            yield from bare(rule, f"{path}{name}.")
        if isinstance(rules.get("additionalProperties"), dict):
            yield from bare(rules["additionalProperties"], f"{path}<name>.")

    assert [
        *bare(_schema("config"), ""),
        *bare(_schema("datasets"), "datasets."),
        *bare(_schema("site"), "site."),
    ] == []


# --- runs


def test_runs_of_the_grid_have_plain_types(study: Study) -> None:
    runs = list(study.runs())
    grid = study.values["grid"]
    assert (
        len(runs) == len(grid["n_train"]) * len(grid["model"]) * len(grid["seed"]) + 2
    )  # more seeds at one place
    assert runs[0] == {
        "run": "minispice/n32/nano/s0",
        "dataset": "minispice",
        "n_train": 32,
        "model": "nano",
        "seed": 0,
    }
    assert len({run["run"] for run in runs}) == len(runs)
    assert json.loads(json.dumps(runs)) == runs
    assert {type(value) for run in runs for value in run.values()} == {str, int}


def test_controls_add_runs_once_and_share_the_grids_lists(
    default: dict[str, Any], datasets: dict[str, Any]
) -> None:
    default["grid"] |= {"n_train": [8, 16], "model": ["nano"], "seed": [0]}
    default["controls"] = [{"n_train": [16], "seed": [0, 1]}, {"model": ["nano+r35"]}]
    runs = [run["run"] for run in load_study(default, datasets).runs()]
    assert runs == [
        "minispice/n8/nano/s0",
        "minispice/n16/nano/s0",
        "minispice/n16/nano/s1",
        "minispice/n8/nano+r35/s0",
        "minispice/n16/nano+r35/s0",
    ]


def test_runs_that_have_a_table(default: dict[str, Any], datasets: dict[str, Any]) -> None:
    """That of the smallest size: one seed, at most frames."""
    default["grid"] |= {"n_train": [8, 16], "model": ["nano", "micro"], "seed": [1, 0]}
    default["controls"] = [{"n_train": [16], "model": ["micro+r35"], "seed": [0]}]
    study = load_study(default, datasets)
    runs = {which: [run["run"] for run in study.runs_with(which)] for which in Runs}
    assert len(runs[Runs.EVERY]) == 9
    assert runs[Runs.PLAIN] == runs[Runs.EVERY][:-1]
    assert runs[Runs.SMALLEST] == ["minispice/n16/nano/s0"]
    assert runs[Runs.NONE] == []


def test_a_variant_changes_what_it_names_and_nothing_else(
    default: dict[str, Any], datasets: dict[str, Any]
) -> None:
    default["variants"] = {"change": {"r_max": 3.5, "energy_weight": 0.0}}
    default["grid"]["model"] = ["nano", "nano+change"]
    study = load_study(default, datasets)
    runs = {run["model"]: run_settings(study, run, "results").as_dict() for run in study.runs()}
    plain, changed = runs["nano"], runs["nano+change"]
    assert changed["architecture"] == plain["architecture"] | {"r_max": 3.5}
    assert changed["training"] == plain["training"] | {"energy_weight": 0.0}


@pytest.mark.parametrize(
    ("model", "variants", "part"),
    [
        ("nano+x", {}, "model 'nano+x': 'x' is not under `variants`"),
        ("nono+x", {"x": {"r_max": 3}}, "model 'nono+x': 'nono' is not under `models`"),
        ("nano+x", {"x": {"rmax": 3}}, "variants.x: unknown key 'rmax'"),
        ("nano+x", {"x": {"shifts": "zero"}}, "variants.x: shifts = 'zero' - known: isolated"),
        ("nano+x", {"x": {"steps": 7}}, "steps = 7 is not a multiple"),
        ("nano+", {}, "model 'nano+': '' is not under `variants`"),  # it would be nano twice
        ("nano+x", {"x": {"r_max": 5.0}}, "variants.x has the values of 'nano' itself"),
        ("nano", {"unused": {"rmax": 3}}, "variants.unused: unknown key 'rmax'"),
    ],
)
def test_a_variant_that_cannot_be_is_named(
    model: str,
    variants: dict[str, Any],
    part: str,
    default: dict[str, Any],
    datasets: dict[str, Any],
    input_error: Any,
) -> None:
    default["variants"] = variants
    default["controls"] = [{"model": [model]}]
    with input_error(part):
        load_study(default, datasets)


def test_variants_alone_are_refused_before_they_are_trained(
    default: dict[str, Any], datasets: dict[str, Any], input_error: Any
) -> None:
    default["controls"], default["grid"]["model"] = [], ["nano+l0"]
    with input_error("grid.model = ['nano+l0']", "such as 'nano'"):
        load_study(default, datasets)
    default["controls"] = [{"model": ["nano"]}]
    assert load_study(default, datasets).used("model") == ["nano+l0", "nano"]


def test_settings_of_a_run_survive_its_file(study: Study, tmp_path: Path) -> None:
    settings = run_settings(study, list(study.runs())[5], "results")
    assert settings.store == "results/data/minispice/store.h5"
    assert settings.subset == f"results/data/minispice/subsets/n{settings.n_train}.csv"
    settings.write(tmp_path / "RUN.yaml")
    assert RunSettings.from_dict(read_yaml(tmp_path / "RUN.yaml")) == settings
    assert RunSettings.from_dict(json.loads(json.dumps(settings.as_dict()))) == settings


def test_larger_training_sets_may_train_for_longer(
    default: dict[str, Any], datasets: dict[str, Any]
) -> None:
    default["training_steps"] = [{"n_train": 512, "steps": 4000}, {"n_train": 80, "steps": 2000}]
    study = load_study(default, datasets)
    found = {run["n_train"]: run_settings(study, run, "results") for run in study.runs()}
    steps = {n: settings.training.steps for n, settings in found.items()}
    assert steps == {32: 1000, 80: 2000, 200: 2000, 512: 4000}
    assert "training_steps" not in found[512].as_dict()


def test_a_study_may_have_some_stages_alone(
    default: dict[str, Any], datasets: dict[str, Any]
) -> None:
    default |= {"stages": ["answers"], "answers": {"dataset": "minispice"}}
    assert load_study(default, datasets).values["answers"]["halves"] == []
    assert "answers" not in names_of(sets=1)
    assert names_of(sets=1, wanted=["decompose", "answers"]) == ["decompose", "answers"]
    assert figures_made(sets=1, wanted=["answers"]) == ["answers"]
    assert figures_made(sets=1, wanted=["bde"]) == []  # its figure needs other tables, too
    assert sections_made(sets=1, wanted=["answers"]) == ["answers"]


def test_a_runs_settings_do_not_hold_how_it_runs(study: Study) -> None:
    values = run_settings(study, next(study.runs()), "results").as_dict()
    assert not {"device", "compile_mode", "runtime"} & set(json.dumps(values).split('"'))


@pytest.mark.parametrize(
    ("change", "texts"),
    [
        (
            lambda v: v["training"].update(stepz=3),
            ["run: training", "'stepz'", "did you mean 'steps'"],
        ),
        (lambda v: v["architecture"].pop("r_max"), ["run: architecture", "lacks 'r_max'"]),
        (lambda v: v["architecture"].update(l_max=9), ["l_max = 9", "at most 4"]),
        (lambda v: v["training"].update(steps="many"), ["steps = 'many'", "integer"]),
        (lambda v: v.pop("store"), ["run", "lacks 'store'"]),
        (lambda v: v.update(trainig={}), ["'trainig'", "did you mean 'training'"]),
        (lambda v: v.update(training=[]), ["training = []", "object"]),
        (lambda v: v.update(run="../../x"), ["run = '../../x'", "make it '", "/nano/s0'"]),
        (lambda v: v.update(model="../x"), ["model = '../x'", "must match"]),
        (lambda v: v.update(dataset="a/b"), ["dataset = 'a/b'", "must match"]),
        (lambda v: v.update(n_train=7), ["/n32/nano/s0'", "/n7/nano/s0'"]),
        (lambda v: v.update(seed=7), ["/n32/nano/s0'", "/n32/nano/s7'"]),
        (lambda v: v.update(seed=2**31), ["seed = 2147483648", "at most 2147483647"]),
    ],
)
def test_a_run_file_is_checked(
    change: Callable[[Any], Any], texts: list[str], study: Study, input_error: Any
) -> None:
    values = run_settings(study, next(study.runs()), "results").as_dict()
    change(values)
    with input_error(*texts):
        RunSettings.from_dict(values)


# --- mistakes


def _put(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(values: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        for name in parents:
            values = values[name]
        values[last] = value

    return change


def _drop(path: str) -> Callable[[dict[str, Any]], None]:
    def change(values: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        for name in parents:
            values = values[name]
        del values[last]

    return change


SHARES = ("test_molecules", "test_conformations", "validation")
MISTAKES: dict[str, tuple[Callable[[dict[str, Any]], None], list[str]]] = {
    "unknown key": (
        _put("training.lerning_rate", 1.0),
        ["at training", "did you mean 'learning_rate'", "spelling"],
    ),
    "unknown section": (_put("trianing", {}), ["the top level", "did you mean 'training'"]),
    "unknown key of a model": (
        _put("models.nano.rmax", 5.0),
        ["models.nano", "did you mean 'r_max'"],
    ),
    "missing key": (_drop("training.steps"), ["training lacks 'steps'", "required"]),
    "missing section": (_drop("grid"), ["lacks 'grid'"]),
    "steps that no epoch ends at": (
        _put("training_steps", [{"n_train": 64, "steps": 1050}]),
        ["training.steps = 1050", "not a multiple"],
    ),
    "two numbers of steps": (
        _put("training_steps", [{"n_train": 64, "steps": 1100}, {"n_train": 64, "steps": 1200}]),
        ["1100 and 1200 steps from n_train = 64", "Remove one"],
    ),
    "an element that is none": (
        _put("subset.elements", ["H", "Xx"]),
        ["subset.elements: element 'Xx'", "periodic table"],
    ),
    "unknown stage": (_put("stages", ["answer"]), ["did you mean 'answers'"]),
    "questions about nothing": (_put("stages", ["answers"]), ["answers.dataset", "Name it"]),
    "one half": (
        lambda values: values.update(
            stages=["answers"], answers={"dataset": "minispice", "halves": ["minispice"]}
        ),
        ["answers.halves", "one dataset", "Name the other"],
    ),
    "paths that are not there": (
        lambda values: values.update(
            stages=["answers"], answers={"dataset": "minispice", "paths": ["none.hdf5"]}
        ),
        ["answers.paths: none.hdf5", "no such file"],
    ),
    "paths of one half": (
        lambda values: values.update(
            stages=["answers"], answers={"dataset": "minispice", "barriers": ["minispice"]}
        ),
        ["answers.barriers", "half of the reactions", "Name the other"],
    ),
    "questions about a dataset without runs": (
        lambda values: values.update(
            stages=["answers"], answers={"dataset": "minispice", "other_labels": "gfn2-same"}
        ),
        ["no run is trained on dataset 'gfn2-same'", "grid.dataset"],
    ),
    "unknown dataset": (
        _put("grid.dataset", ["minispise"]),
        ["did you mean 'minispice'", "grid.dataset"],
    ),
    "unknown dataset of a control": (
        _put("controls", [{"dataset": ["minispise"]}]),
        ["'minispise'", "or `controls`"],
    ),
    "unknown model": (_put("grid.model", ["mikro"]), ["did you mean 'micro'", "grid.model"]),
    "text for a number": (
        _put("training.steps", "many"),
        ["training.steps = 'many'", "expected integer"],
    ),
    "YAML's exponent": (
        _put("training.learning_rate", "1e-3"),
        ["learning_rate = '1e-3'", "write 1.0e-3"],
    ),
    "YAML's exponent without a sign": (
        _put("training.learning_rate", "1.5E3"),
        ["learning_rate = '1.5E3'", "write 1.5e+3"],
    ),
    "a float that is whole": (
        _put("grid.n_train", [32.0]),
        ["grid.n_train.0 = 32.0", "expected integer"],
    ),
    "a flag for a number": (_put("grid.seed", [True]), ["grid.seed.0 = True", "expected integer"]),
    "a number for a list": (_put("grid.n_train", 32), ["grid.n_train = 32", "expected array"]),
    "an empty list": (_put("grid.seed", []), ["grid.seed = []"]),
    "a repeated entry": (_put("grid.seed", [0, 0]), ["grid.seed = [0, 0]", "must not repeat"]),
    "too small": (_put("grid.n_train", [0]), ["grid.n_train.0 = 0", "at least 1"]),
    "too large": (_put("models.nano.l_max", 9), ["models.nano.l_max = 9", "at most 4"]),
    "a cutoff in nm": (_put("models.nano.r_max", 0.5), ["r_max = 0.5", "at least 1.5", "Å"]),
    "a bin in meV": (_put("entropy.bond_energy_eV", 50), ["bond_energy_eV = 50", "at most 1"]),
    "not a share": (_put("split.validation", 1.0), ["split.validation = 1.0", "less than 1"]),
    "not more than zero": (_put("entropy.scaled", 0), ["entropy.scaled = 0", "at least 1e-06"]),
    "a choice": (_put("runtime.compile_mode", "compiled"), ["did you mean 'compile'", "eager"]),
    "a pattern": (_put("runtime.device", "gpu"), ["runtime.device = 'gpu'", "cuda:<k>"]),
    "a batch that devices do not share": (
        _put("runtime.devices", 3),
        ["runtime: 3 devices on 1 nodes", "= 16"],
    ),
    "devices of a size": (
        _put("runtime.models", {"micro": {"nodes": 5}}),
        ["runtime.models.micro: 1 devices on 5"],
    ),
    "devices of no size": (
        _put("runtime.models", {"mikro": {"nodes": 2}}),
        ["did you mean 'micro'"],
    ),
    "one GPU for two": (
        _put("runtime", {"device": "cuda:1", "devices": 2}),
        ["'cuda:1' is one GPU"],
    ),
    "a name with a slash": (_put("study", "a/b"), ["study = 'a/b'", "must match"]),
    "shares that leave nothing": (
        _put("split", {**dict.fromkeys(SHARES, 0.5), "seed": 0}),
        ["split.test_conformations = 0.5", "add up to 1", "less than 1"],
    ),
    "more atoms at least than at most": (
        _put("subset", {"seed": 0, "min_atoms": 9, "max_atoms": 3}),
        ["subset.min_atoms = 9", "subset.max_atoms = 3"],
    ),
    "an element in small letters": (
        _put("subset", {"seed": 0, "elements": ["C", "h"]}),
        ["subset.elements.1 = 'h'", "must match"],
    ),
    "a batch beyond any memory": (
        _put("training.batch_size", 10**9),
        ["batch_size = 1000000000", "at most 100000"],
    ),
    "an epoch beyond any memory": (
        lambda values: values["training"].update(
            steps=10**6, steps_per_epoch=10**6, batch_size=10**5
        ),
        ["training: 1,000,000 steps_per_epoch", "100,000,000,000 frames"],
    ),
    "endless steps": (_put("training.steps", 10**12), ["training.steps", "at most 100000000"]),
    "steps": (_put("training.steps_per_epoch", 300), ["1000", "not a multiple", "300"]),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_named_with_its_fix(
    case: str, default: dict[str, Any], datasets: dict[str, Any], in_root: None, input_error: Any
) -> None:
    change, texts = MISTAKES[case]
    change(default)
    with input_error(*texts):
        load_study(default, datasets)


def test_datasets_are_checked(
    default: dict[str, Any], datasets: dict[str, Any], in_root: None, input_error: Any
) -> None:
    entry = datasets["minispice"]
    for change, texts in (
        ({"pth": "x"}, ["minispice", "did you mean 'path'"]),
        ({"layout": "spise"}, ["did you mean 'spice'"]),
        ({"sha256": "12"}, ["sha256 = '12'", "must match"]),
        (
            {"isolated_atom_energy_eV": {"C": "low"}},
            ["isolated_atom_energy_eV.C = 'low'", "number"],
        ),
        (
            {"path": "resources/none.hdf5"},
            ["resources/none.hdf5 is not there", "config/datasets.yaml"],
        ),
    ):
        with input_error(*texts):
            load_study(default, {"minispice": entry | change})


def test_a_checksum_is_read_in_either_case(
    default: dict[str, Any], datasets: dict[str, Any], in_root: None
) -> None:
    datasets["minispice"] |= {"sha256": "0A" * 32, "md5": "0a" * 16}
    assert load_study(default, datasets).values


def test_a_published_study_needs_no_data(default: dict[str, Any], datasets: dict[str, Any]) -> None:
    datasets["minispice"]["path"] = "nowhere.hdf5"
    assert load_study(default | {"published": True}, datasets).values["published"] is True


def test_a_publication_of_some_stages_is_refused_whole(
    default: dict[str, Any],
    datasets: dict[str, Any],
    in_root: None,
    input_error: Callable[..., Any],
) -> None:
    with input_error(
        "results/published/controls lacks decompose/bond_means.csv, ", " and ", " more of the "
    ):
        load_study(default | {"published": True, "study": "controls"}, datasets)


def test_defaults_are_filled_in_without_touching_what_was_given(default: dict[str, Any]) -> None:
    del default["runtime"], default["published"]
    before = copy.deepcopy(default)
    filled = validate(default, "config")
    assert filled["runtime"] == {
        "device": "cpu",
        "devices": 1,
        "nodes": 1,
        "compile_mode": "auto",
        "kernels": "auto",
        "tf32": False,
        "container": "",
        "models": {},
    }
    assert filled["published"] is False
    assert default == before
    filled["grid"]["seed"].append(99)
    assert default == before


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a: [1, 2", "not valid YAML"),
        ("a: b: c", "not valid YAML"),
        ("- 1\n- 2\n", "holds a list"),
        ("", "holds nothing"),
        ("a: [010]", "line 1: YAML reads '010' as 8; write"),
        ("a: 1\nb: -1:30.5", "line 2: YAML reads '-1:30.5' as -90.5; write"),
    ],
)
def test_files_that_are_no_settings(text: str, part: str, tmp_path: Path, input_error: Any) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with input_error("bad.yaml", part, "Fix"):
        read_yaml(path)


def test_files_that_cannot_be_read(tmp_path: Path, input_error: Any) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x80")
    with input_error("binary.yaml", "not valid YAML"):
        read_yaml(tmp_path / "binary.yaml")
    with input_error("none.yaml", "no such file"):
        read_yaml(tmp_path / "none.yaml")
