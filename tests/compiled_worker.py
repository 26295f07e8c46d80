"""Train a tiny model a few steps, compiled and eagerly; say how far apart they are, as JSON.

``test_fast_compiled.py`` starts it, in processes of their own: what a compiler keeps on disk must
not be another process's.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import torch
from nequip.data import AtomicDataDict as K

sys.path.insert(0, str(Path(__file__).parent / "library"))
from test_fast import build, frames, results

from e3d.fast import accelerate
from e3d.fast.compiled import CompiledModel

SETTINGS = {"l_max": 1, "num_layers": 2, "per_type_energy_shifts_trainable": True}
BATCHES = ((5, 7, 4), (6, 3), (4, 4, 4, 8))
"""Atoms of the frames of each batch: the code is for all sizes."""


def model(*, compiled: bool) -> Any:
    """Return the model; the same weights in every process."""
    made = build(**SETTINGS)
    assert accelerate(made)
    if not compiled:
        return made
    return CompiledModel(made.model, None, {})


def differences(ours: Any, theirs: Any) -> dict[str, float]:
    """Return the largest difference of each result over all batches, of its largest element."""
    found: dict[str, float] = {}
    for sizes in BATCHES:
        wanted = dict(results(theirs, frames(sizes)))
        for name, mine in results(ours, frames(sizes)):
            scale = wanted[name].abs().max().clamp(min=1e-30)
            error = float((mine - wanted[name]).abs().max() / scale)
            found[name] = max(found.get(name, 0.0), error)
    return found


def trained(made: Any) -> str:
    """Return the digest of the weights after some steps of Adam."""
    optimiser = torch.optim.Adam(made.parameters(), lr=1e-2)
    for sizes in BATCHES * 3:
        batch = frames(sizes)
        out = made(dict(batch))
        loss = (out[K.TOTAL_ENERGY_KEY] - batch[K.TOTAL_ENERGY_KEY]).square().mean()
        loss = loss + (out[K.FORCE_KEY] - batch[K.FORCE_KEY]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    content = b"".join(p.detach().numpy().tobytes() for p in made.parameters())
    return hashlib.sha256(content).hexdigest()


def main() -> None:
    """Write differences, digests and what the compiler's cache gave."""
    from torch._dynamo.utils import counters

    ours, theirs = model(compiled=True), model(compiled=False)
    said = {"differences": differences(ours, theirs)}
    said["compiled"] = [step is not None for step in ours._steps[0].values()]
    said["digest"], said["eager"] = trained(ours), trained(theirs)
    said["hits"] = counters["inductor"]["fxgraph_cache_hit"]
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
