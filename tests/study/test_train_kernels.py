"""Which implementation trains, what it refuses, and that its checkpoint needs no e3d."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from e3d.errors import InputError
from model_fixtures import Prepared
from planning import PYTHONPATH
from study.run_settings import Architecture
from study.train import kernels
from study.train.kernels import mode, model_config, select

SMALL = Architecture(5.0, 1, True, 1, 16, 4, 32, 8, 6)


def _sized(l_max: int, layers: int) -> Architecture:
    return Architecture(**{**vars(SMALL), "l_max": l_max, "num_layers": layers})


@pytest.mark.parametrize(
    ("l_max", "layers", "runtime", "expected"),
    [
        (1, 1, {}, "centre"),
        (2, 1, {}, "centre"),
        (1, 2, {"compile_mode": "compile"}, "centre"),
        (2, 2, {"compile_mode": "compile"}, "centre"),
        (2, 2, {"device": "cuda:0"}, "shipped"),
        (2, 2, {"kernels": "shipped"}, "shipped"),
        (1, 1, {"kernels": "centre"}, "centre"),
    ],
)
def test_auto_chooses_what_is_fastest(
    l_max: int, layers: int, runtime: dict[str, str], expected: str
) -> None:
    assert select(_sized(l_max, layers), runtime) == expected


@pytest.mark.parametrize(
    ("chosen", "steps", "runtime", "expected"),
    [
        ("centre", kernels.BREAK_EVEN_STEPS, {}, "compile"),
        ("centre", kernels.BREAK_EVEN_STEPS - 1, {}, "eager"),
        ("shipped", 10**6, {"compile_mode": "auto"}, "eager"),
        ("shipped", 10, {"compile_mode": "compile"}, "compile"),
        ("centre", 10**6, {"compile_mode": "eager"}, "eager"),
    ],
)
def test_auto_compiles_a_training_that_is_long_enough(
    chosen: str, steps: int, runtime: dict[str, str], expected: str
) -> None:
    assert mode(chosen, steps, runtime) == expected


@pytest.mark.parametrize(
    ("runtime", "parts"),
    [
        ({"kernels": "fast"}, ("'fast'", "auto, centre, shipped, cuequivariance", "--kernels")),
        ({"kernels": "cuequivariance"}, ("on the CPU", "runtime.device: cuda")),
        (
            {"kernels": "cuequivariance", "device": "cuda"},
            ("cuequivariance_torch", "envs/train-gpu.yaml"),
        ),
    ],
)
def test_kernels_that_cannot_be_used_are_named_in_one_line(
    runtime: dict[str, str], parts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "_installed", lambda name: False)
    with pytest.raises(InputError) as error:
        select(SMALL, runtime)
    assert "\n" not in str(error.value)
    for part in parts:
        assert part in str(error.value)


def test_cuequivariance_is_nequips_modifier_around_the_shipped_builder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernels, "_installed", lambda name: True)
    chosen = select(SMALL, {"kernels": "cuequivariance", "device": "cuda"})
    rendered = model_config({"seed": 1}, chosen, "compile")
    assert rendered["_target_"] == "nequip.model.modify"
    assert rendered["modifiers"] == [{"modifier": "enable_CuEquivarianceContracter"}]
    inner = {"_target_": "allegro.model.AllegroModel", "compile_mode": "compile", "seed": 1}
    assert rendered["model"] == inner
    from allegro.nn._strided import Contracter

    assert hasattr(Contracter, "enable_CuEquivarianceContracter")


@pytest.fixture(scope="module")
def both(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same short run by both kernels, as folders."""
    run = prepared.run(name="minispice/n16/kernels/s0", steps=8, steps_per_epoch=4)
    folder = tmp_path_factory.mktemp("kernels")
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH, "OMP_NUM_THREADS": "1"}
    for name in ("centre", "shipped"):
        command = [
            sys.executable,
            "-m",
            "e3d",
            "train",
            str(run),
            "-o",
            str(folder / name),
            "--kernels",
            name,
        ]
        subprocess.run(command, env=environment, check=True)
    return folder / "centre", folder / "shipped"


def test_both_kernels_train_the_same_model(both: tuple[Path, Path]) -> None:
    import torch

    ours, theirs = (
        torch.load(folder / "model.ckpt", weights_only=False)["state_dict"] for folder in both
    )
    assert list(ours) == list(theirs)
    for name, weight in theirs.items():
        if not name.startswith("model."):
            continue  # the averaged weights and their count
        # eight steps of Adam: float32 rounding, divided by gradients that may be small
        assert np.allclose(ours[name], weight, rtol=0, atol=2e-3), name


def test_the_checkpoint_names_only_the_shipped_builder_and_loads_without_this_package(
    both: tuple[Path, Path],
) -> None:
    checkpoint = both[0] / "model.ckpt"
    assert b"e3d.fast" not in checkpoint.read_bytes()
    code = (
        "import sys; sys.modules['e3d'] = None\n"  # an import of it fails
        "from nequip.utils.global_state import set_global_state; set_global_state()\n"
        "from nequip.model import ModelFromCheckpoint\n"
        f"model = ModelFromCheckpoint({str(checkpoint)!r})\n"
        "assert type(model['sole_model'].model.func).__name__ == 'SequentialGraphNetwork'\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_run_goes_on_with_the_kernels_it_is_given(
    both: tuple[Path, Path], tmp_path: Path
) -> None:
    """Nequip builds the model that a checkpoint names, whatever its config says."""
    import torch

    last = tmp_path / "last.ckpt"
    shutil.copy(both[0] / "model.ckpt", last)
    before = torch.load(last, weights_only=False)
    model = {**before["hyper_parameters"]["model"], "_target_": "e3d.fast.build.AllegroModel"}
    kernels.adopt(last, model)
    after = torch.load(last, weights_only=False)
    assert after["hyper_parameters"]["model"] == model
    assert after["hyper_parameters"]["info_dict"]["training_module"]["model"] == model
    assert all(
        torch.equal(after["state_dict"][k], v)
        for k, v in before["state_dict"].items()
        if torch.is_tensor(v)
    )
    assert list(tmp_path.iterdir()) == [last]


def test_a_checkpoint_does_not_depend_on_the_name_of_its_temporary_file(
    both: tuple[Path, Path], tmp_path: Path
) -> None:
    copies = [tmp_path / ".model.ckpt.1.tmp", tmp_path / ".model.ckpt.22.tmp"]
    for copy in copies:
        kernels.save_plain(both[0] / "model.ckpt", copy, {})
    assert copies[0].read_bytes() == copies[1].read_bytes()


def test_the_rendered_config_says_which_kernels_trained(both: tuple[Path, Path]) -> None:
    ours, theirs = ((folder / "nequip.yaml").read_text() for folder in both)
    assert "e3d.fast.build.AllegroModel" in ours
    assert "allegro.model.AllegroModel" in theirs


def test_build_refuses_what_the_fast_network_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    from e3d.fast import build

    monkeypatch.setattr(build, "accelerate", lambda model: False)
    monkeypatch.setattr(build.shipped, "AllegroModel", lambda **settings: None)
    settings: dict[str, Any] = {"seed": 0, "model_dtype": "float64", "type_names": ["H"]}
    from nequip.utils.global_state import set_global_state

    set_global_state()
    with pytest.raises(InputError, match=r"runtime\.kernels: shipped"):
        build.AllegroModel(**settings)
