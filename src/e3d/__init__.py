"""E3D: edge-wise emergent decomposition of machine-learned interatomic potentials.

The names below are imported when they are first used: ``import e3d`` loads no other package.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from e3d.calculator import EdgeCalculator
    from e3d.decomposition.rows import decompose
    from e3d.drawing.draw import draw
    from e3d.edges import EdgeEnergies
    from e3d.errors import InputError
    from e3d.graphs import Batch
    from e3d.models.load import load_model as load
    from e3d.pairs import Pairs
    from e3d.potential import EdgePotential, Potential
    from e3d.statistics.intervals import Estimate
    from e3d.store.reader import StoreReader as Store
    from e3d.structures import Structure

__version__ = "0.1.0"

__all__ = [
    "Batch",
    "EdgeCalculator",
    "EdgeEnergies",
    "EdgePotential",
    "Estimate",
    "InputError",
    "Pairs",
    "Potential",
    "Store",
    "Structure",
    "decompose",
    "draw",
    "load",
]

_HOMES = {
    "Batch": "graphs:Batch",
    "EdgeCalculator": "calculator:EdgeCalculator",
    "EdgeEnergies": "edges:EdgeEnergies",
    "EdgePotential": "potential:EdgePotential",
    "Estimate": "statistics.intervals:Estimate",
    "InputError": "errors:InputError",
    "Pairs": "pairs:Pairs",
    "Potential": "potential:Potential",
    "Store": "store.reader:StoreReader",
    "Structure": "structures:Structure",
    "decompose": "decomposition.rows:decompose",
    "draw": "drawing.draw:draw",
    "load": "models.load:load_model",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    found = getattr(import_module(f"{__name__}.{module}"), attribute)
    globals()[name] = found  # asked for once
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
