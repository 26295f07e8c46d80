"""The memory and time that jobs ask of a cluster; they grow with data, model and attempt.

Numbers come from ``results/published/benchmarks/cost.csv`` (four sizes on one core,
``benchmarks/cost.py``) and, for GPUs, from the slow end of ``cost_estimate.csv``
(``benchmarks/estimate.py``). A job that needs more is given more at its next attempt, and a
training resumes from its last checkpoint.
"""

import math
from collections.abc import Mapping
from typing import Any

from study.run_settings import Architecture, Training

Runtime = Mapping[str, Any]

_LIBRARIES_MB = 800
"""A process that has imported torch, nequip and Lightning holds 620 MB (``default/costs.csv``)."""
GPU_MB = 4000
"""The CUDA context, its libraries and the compiler's worker, on the host: an assumption."""
_DATA_MB, _FRAME_MB = 1800, 0.046
"""Frames kept packed: 7.7 kB each with neighbours within 6 Å, six times that while they are
packed, up to 200 MB (``MEMORY_BYTES`` of train/feed.py) of training frames; validation frames are
as many at most, and are kept widened."""
_VALIDATION_MB = 400
_FEATURE_MB = 0.05
"""A frame and feature in a step: 59 bytes for each of 850 edges (SPICE); 25 to 70 were measured."""
_START_MINUTES = 20
"""Imports, reading and packing frames, statistics; on a GPU compiling too."""
_CPU_FRAME_S, _CPU_WORK_S = 0.013, 1.8e-7
"""Seconds of a frame of a step, and of a unit of work in it, on one core: within a third."""
_GPU_STEP_S, _GPU_WORK_S = 0.09, 2.7e-9
"""The slow end of the estimate: the least time of a step; a mixture with solids on an A100."""
_VALIDATION, _SLOWER = 1.25, 2.0
"""Time with validation over time without; a processor half as fast, or a core that is shared."""


def most(key: str, partitions: Mapping[str, Mapping[str, Any]], gpus: int) -> int | None:
    """Return the largest limit ``key`` of the partitions that a job with so many GPUs goes to.

    None if one of them has no such limit. Jobs without GPUs stay off partitions that have them,
    where there is another. Where no partition has enough GPUs, all count, and Slurm says what is
    wrong.
    """
    on_gpus = {name: p.get("max_gpu", 0) for name, p in partitions.items()}
    fit = [name for name, n in on_gpus.items() if (n >= gpus if gpus else n == 0)]
    limits = [partitions[name].get(key) for name in fit or partitions]
    known = [int(limit) for limit in limits if limit is not None]
    return max(known) if len(known) == len(limits) else None


def grown(base: float, attempt: int) -> int:
    """Return ``base``, doubled for every attempt after the first."""
    return math.ceil(base * 2.0 ** (attempt - 1))


def work_of_size(architecture: Architecture) -> float:
    """Return what a training step costs an edge, in multiply-adds up to a constant.

    MLPs of every layer are quadratic in widths; tensor products of features grow with the sixth
    power of (l_max + 1): paths times the components they contract.
    """
    a = architecture
    width, scalars, tensors = a.mlp_width, a.num_scalar_features, a.num_tensor_features
    mlp = width * (width + 2 * scalars + 2 * tensors)
    product = tensors * (a.l_max + 1) ** 6
    return a.num_layers * (mlp + product)


def training_memory_mb(
    architecture: Architecture, training: Training, runtime: Runtime, n_train: int, attempt: int
) -> int:
    """Return the memory of one training process in MB: libraries, packed frames, a step's tensors.

    On a GPU the tensors are in the device's memory, but what the compiler and the allocator keep on
    the host is not known, so as much is asked for.
    """
    a = architecture
    features = a.num_scalar_features + a.num_tensor_features * (a.l_max + 1) ** 2
    tensors = training.batch_size * a.num_layers * (features + 3 * a.mlp_width)
    libraries = _LIBRARIES_MB + (GPU_MB if _on_gpu(runtime) else 0)
    frames = min(_DATA_MB, _VALIDATION_MB + n_train * _FRAME_MB)
    return grown(libraries + frames + tensors * _FEATURE_MB, attempt)


def training_minutes(
    architecture: Architecture, training: Training, runtime: Runtime, attempt: int
) -> int:
    """Return the minutes that a whole training may take on the devices of ``runtime``."""
    slower = 1.0 if _on_gpu(runtime) else _SLOWER
    seconds = slower * training_seconds(architecture, training, runtime)
    return grown(_START_MINUTES + seconds / 60, attempt)


def training_seconds(architecture: Architecture, training: Training, runtime: Runtime) -> float:
    """Return the seconds that the steps of a training take, on frames as large as SPICE's."""
    frames = training.batch_size / float(runtime["devices"] * runtime["nodes"])
    work = work_of_size(architecture)
    if _on_gpu(runtime):
        step = _GPU_STEP_S + frames * work * _GPU_WORK_S
    else:
        step = frames * (_CPU_FRAME_S + work * _CPU_WORK_S)
    return training.steps * step * _VALIDATION


def _on_gpu(runtime: Runtime) -> bool:
    return str(runtime["device"]).startswith("cuda")
