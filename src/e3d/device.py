"""Devices: a GPU that is not there is an error, never a silent fall-back to the CPU."""

import re
from typing import Final

from e3d.errors import InputError

CUDA: Final = re.compile(r"cuda(:[0-9]+)?")
"""Names of GPUs."""


def require_device(device: str, count: int = 1) -> None:
    """Check that a device can be used: GPUs are counted, and none is touched.

    Parameters
    ----------
    device
        ``cpu``, ``cuda`` or ``cuda:<k>``.
    count
        How many GPUs are needed, from that one on.

    Raises
    ------
    InputError
        If this machine has not that GPU, or fewer of them.
    """
    if device == "cpu":
        return
    if not CUDA.fullmatch(device):
        raise InputError(
            f"device {device!r}: expected cpu, cuda or cuda:<k>. Fix `runtime.device` or --device."
        )
    import torch  # only a GPU needs to be asked for, and the import takes seconds

    index = int(device.partition(":")[2] or 0)
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if index + count > found:
        asked = f"device {device!r}" + (f", {count} of them" if count > 1 else "")
        several = found and count > 1
        fewer = f"`runtime.devices` to at most {found}" if several else "`runtime.device: cpu`"
        raise InputError(
            f"{asked}: this machine has {found} usable GPUs. Set {fewer}, or run on a node with "
            "enough of them."
        )
