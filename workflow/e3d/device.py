"""Devices: a GPU that is not there is an error, never a silent fall-back to the CPU."""

import re

from e3d.errors import InputError


def require_device(device: str) -> None:
    """Check that ``device`` (cpu, cuda or cuda:<k>) can be used.

    Raises
    ------
    InputError
        If it names a GPU and this machine has none, or not that one.
    """
    if device == "cpu":
        return
    if not re.fullmatch(r"cuda(:[0-9]+)?", device):
        raise InputError(f"device {device!r}: expected cpu, cuda or cuda:<k>. Fix `runtime.device` or --device.")
    import torch  # only a GPU needs to be asked for, and the import takes seconds

    index = int(device.partition(":")[2] or 0)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if index >= count:
        raise InputError(
            f"device {device!r}: this machine has {count} usable GPUs. Set `runtime.device: cpu`, or run on a GPU node."
        )
