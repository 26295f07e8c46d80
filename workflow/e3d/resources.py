"""What jobs ask of a cluster: memory and time that grow with the data, the model and the attempt.

Numbers are generous readings of ``results/published/default/costs.csv`` and ``results/published/benchmarks/cost.csv``;
a job that they are too small for is given more at its next attempt, and a training goes on from its last checkpoint.
"""

import math
from collections.abc import Mapping
from typing import Any

from e3d.config import Architecture, Training

Runtime = Mapping[str, Any]


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


def training_memory_mb(architecture: Architecture, training: Training, n_train: int, attempt: int) -> int:
    """Return the memory of one training process in MB: libraries, frames kept packed, and one step's tensors."""
    features = architecture.num_scalar_features + architecture.num_tensor_features * (architecture.l_max + 1) ** 2
    tensors = training.batch_size * architecture.num_layers * (features + 3 * architecture.mlp_width)
    return grown(_TRAINING_MB + min(_PACKED_MB, n_train * _FRAME_MB) + tensors * _TENSOR_MB, attempt)


def training_minutes(architecture: Architecture, training: Training, runtime: Runtime, attempt: int) -> int:
    """Return the minutes of a whole training on the devices of ``runtime``."""
    speed = _GPU_SPEED if str(runtime["device"]).startswith("cuda") else _CPU_SPEED
    ranks = runtime["devices"] * runtime["nodes"]
    work = training.steps * training.batch_size * work_of_size(architecture) / ranks
    return grown(_TRAINING_MINUTES + work / speed, attempt)


_TRAINING_MB, _PACKED_MB, _FRAME_MB, _TENSOR_MB = 1500, 1500, 0.02, 0.05
_TRAINING_MINUTES, _CPU_SPEED, _GPU_SPEED = 20, 1.0e9, 3.0e10  # minutes; multiply-adds of a frame's edge in a minute
