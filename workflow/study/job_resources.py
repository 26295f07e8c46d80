"""What jobs ask of a cluster: memory and time that grow with the data, the model and the attempt.

Numbers come from ``results/published/benchmarks/cost.csv`` (four sizes on one core, ``benchmarks/cost.py``) and, for
GPUs, from the slow end of ``cost_estimate.csv`` (``benchmarks/estimate.py``); nothing was measured on a GPU. A job that
they are too small for is given more at its next attempt, and a training goes on from its last checkpoint.
"""

import math
from collections.abc import Mapping
from typing import Any

from study.run_settings import Architecture, Training

Runtime = Mapping[str, Any]

_LIBRARIES_MB = 800
"""A process that has imported torch, nequip and Lightning holds 620 MB (``default/costs.csv``: nano and micro)."""
GPU_MB = 4000
"""The CUDA context, its libraries and the compiler's worker, in the host's memory: an assumption."""
_DATA_MB, _FRAME_MB = 1800, 0.046
"""Frames kept packed: 7.7 kB each with neighbours within 6 Å, six times that while they are packed, up to 200 MB
(``MEMORY_BYTES`` of train/feed.py) of training frames; validation frames are as many at most, and are kept widened."""
_VALIDATION_MB = 400
_FEATURE_MB = 0.05
"""A frame and feature in a step: 850 edges of SPICE, 25 to 70 bytes in the measured peaks; this is 59 bytes."""
_START_MINUTES = 20
"""Imports, reading and packing frames, statistics; on a GPU compiling too."""
_CPU_FRAME_S, _CPU_WORK_S = 0.013, 1.8e-7
"""Seconds of a frame of a step, and of a unit of work in it, on one core: fits the measured sizes within a third."""
_GPU_STEP_S, _GPU_WORK_S = 0.09, 2.7e-9
"""The slow end of the estimate: the least time of a step, and the frames of a mixture with solids on an A100."""
_VALIDATION, _SLOWER = 1.25, 2.0
"""Time with validation over time without; a processor half as fast, or a core shared with another thread."""


def most(key: str, partitions: Mapping[str, Mapping[str, Any]], gpus: int) -> int | None:
    """Return the largest limit ``key`` of the partitions that a job with so many GPUs goes to; None: there is none.

    Jobs without GPUs stay off partitions that have them, where there is another. Where no partition has enough GPUs,
    all are looked at, and Slurm says what is wrong.
    """
    fit = [
        p
        for p in partitions.values()
        if (p.get("max_gpu", 0) >= gpus if gpus else not p.get("max_gpu", 0))
    ]
    limits = [p.get(key) for p in fit or partitions.values()]
    known = [int(limit) for limit in limits if limit is not None]
    return max(known) if len(known) == len(limits) else None


def grown(base: float, attempt: int) -> int:
    """Return ``base``, doubled for every attempt after the first."""
    return math.ceil(base * 2.0 ** (attempt - 1))


def work_of_size(architecture: Architecture) -> float:
    """Return what a training step costs an edge, in multiply-adds up to a constant.

    MLPs of every layer are quadratic in widths; tensor products of features grow with the sixth power of
    (l_max + 1): paths times the components they contract.
    """
    a = architecture
    width, scalars, tensors = a.mlp_width, a.num_scalar_features, a.num_tensor_features
    mlp = width * (width + 2 * scalars + 2 * tensors)
    product = tensors * (a.l_max + 1) ** 6
    return a.num_layers * (mlp + product)


def training_memory_mb(
    architecture: Architecture, training: Training, runtime: Runtime, n_train: int, attempt: int
) -> int:
    """Return the memory of one training process in MB: libraries, frames kept packed, and one step's tensors.

    On a GPU the tensors are in the device's memory, but what the compiler and the allocator keep on the host is not
    known, so as much is asked for.
    """
    features = (
        architecture.num_scalar_features
        + architecture.num_tensor_features * (architecture.l_max + 1) ** 2
    )
    tensors = (
        training.batch_size * architecture.num_layers * (features + 3 * architecture.mlp_width)
    )
    libraries = _LIBRARIES_MB + (GPU_MB if _on_gpu(runtime) else 0)
    frames = min(_DATA_MB, _VALIDATION_MB + n_train * _FRAME_MB)
    return grown(libraries + frames + tensors * _FEATURE_MB, attempt)


def training_minutes(
    architecture: Architecture, training: Training, runtime: Runtime, attempt: int
) -> int:
    """Return the minutes of a whole training on the devices of ``runtime``."""
    frames = training.batch_size / (runtime["devices"] * runtime["nodes"])
    work = work_of_size(architecture)
    if _on_gpu(runtime):
        step = _GPU_STEP_S + frames * work * _GPU_WORK_S
    else:
        step = _SLOWER * frames * (_CPU_FRAME_S + work * _CPU_WORK_S)
    return grown(_START_MINUTES + training.steps * step * _VALIDATION / 60, attempt)


def _on_gpu(runtime: Runtime) -> bool:
    return str(runtime["device"]).startswith("cuda")
