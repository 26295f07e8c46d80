"""The compiled training step: the eager one's numbers, and the same bytes with any cache."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from nequip.data import AtomicDataDict as K
from test_fast import TOLERANCE, build, fast, frames, largest_difference

from compiled_worker import model
from e3d.fast import compiled
from e3d.fast.compiled import CompiledModel
from planning import PYTHONPATH

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def cold_and_warm(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What two processes say, one after the other, with one compiler's cache."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([PYTHONPATH, str(TESTS)]),
        "OMP_NUM_THREADS": "1",
        "TORCHINDUCTOR_CACHE_DIR": str(tmp_path_factory.mktemp("inductor")),
    }
    said = []
    for _ in range(2):
        words = [sys.executable, str(TESTS / "compiled_worker.py")]
        done = subprocess.run(words, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        said.append(json.loads(done.stdout.splitlines()[-1]))
    return said


def test_compiled_numbers_are_those_of_the_shipped_network(
    cold_and_warm: list[dict[str, Any]],
) -> None:
    first = cold_and_warm[0]
    assert first["compiled"] == [True]
    assert first["digest"] != first["eager"]  # rounded otherwise: it was not the eager network
    assert len(first["differences"]) > 15
    for name, difference in first["differences"].items():
        assert difference < TOLERANCE["float64"], f"{name}: {difference:.1e}"


def test_a_training_has_the_same_bytes_with_a_cold_and_a_warm_cache(
    cold_and_warm: list[dict[str, Any]],
) -> None:
    cold, warm = cold_and_warm
    assert (cold["hits"], warm["hits"]) == (0, 2)
    assert warm["digest"] == cold["digest"]
    assert warm["differences"] == cold["differences"]


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run what would be written down as it is."""
    monkeypatch.setattr(compiled, "_compile", lambda written, *_: (written, lambda lengths: True))


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize(
    "settings",
    [
        {"l_max": 1, "num_layers": 1},
        {"l_max": 3, "num_layers": 3, "parity": False},
        {"tp_path_channel_coupling": False, "num_tensor_features": 1},
        {"avg_num_neighbors": {"H": 2.0, "C": 5.0, "O": 3.0}},
        {"per_edge_type_cutoff": {"H": 2.0, "C": {"H": 2.5, "C": 3.0, "O": 2.2}}},
        {"per_type_energy_shifts_trainable": True, "num_layers": 4},
    ],
    ids=lambda settings: ",".join(settings),
)
@pytest.mark.parametrize("periodic", [False, True])
def test_what_is_compiled_has_the_numbers_of_the_shipped_network(
    settings: dict[str, Any], periodic: bool
) -> None:
    wanted = build(**settings)
    ours = CompiledModel(fast(**settings).model, None, {})
    batch = frames((3, 5, 6), periodic=periodic)
    difference, where = largest_difference(_Bare(ours), _Bare(wanted), batch)
    assert difference < TOLERANCE["float64"], f"{where}: {difference:.1e}"


class _Bare(torch.nn.Module):
    """A model that gives energies and forces alone; a compiled step gives no stress."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, data: K.Type) -> K.Type:
        out = self.inner(data)
        return {key: out[key] for key in (K.TOTAL_ENERGY_KEY, K.FORCE_KEY)} | {
            K.STRESS_KEY: torch.ones(1)
        }


def test_without_a_compiler_training_is_the_eager_one_and_the_log_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: Any) -> Any:
        raise RuntimeError("no C++ compiler\nand more")

    monkeypatch.setattr(compiled, "_compile", fails)
    ours, batch = model(compiled=True), frames()
    with caplog.at_level(logging.WARNING):
        out = [ours(dict(batch)) for _ in range(2)][1]
    (record,) = caplog.records
    assert record.getMessage().endswith("eagerly, since nothing could be compiled: no C++ compiler")
    assert torch.equal(out[K.FORCE_KEY], model(compiled=False)(dict(batch))[K.FORCE_KEY])


def test_evaluation_and_a_single_frame_are_never_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "CompiledStep", None)
    ours, eager = model(compiled=True), model(compiled=False)
    assert torch.equal(*(m(frames((5,)))[K.FORCE_KEY] for m in (ours, eager)))
    assert torch.equal(*(m.eval()(frames())[K.FORCE_KEY] for m in (ours, eager)))


def test_code_that_does_not_hold_for_a_batch_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_compile", lambda *_: (None, lambda lengths: lengths[0] > 99))
    ours, eager = model(compiled=True), model(compiled=False)
    assert torch.equal(*(m(frames())[K.FORCE_KEY] for m in (ours, eager)))


def test_weights_keep_their_names() -> None:
    ours, eager = model(compiled=True), model(compiled=False)
    assert list(ours.state_dict()) == list(eager.state_dict())
