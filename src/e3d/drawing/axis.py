"""Round numbers along an axis."""

import numpy as np


def ticks(low: float, high: float, count: int) -> list[float]:
    """Return about ``count`` round numbers from ``low`` to ``high``.

    >>> ticks(0.3, 2.1, 4)
    [0.5, 1.0, 1.5, 2.0]
    """
    raw = 0.75 * (high - low) / count
    size = float(10.0 ** np.floor(np.log10(raw)))
    step = next(k * size for k in (1, 2, 5, 10) if k * size >= raw * (1 - 1e-9))
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    return [round(k * step, 10) for k in range(first, last + 1)]
