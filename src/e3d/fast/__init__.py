"""Allegro's energies, forces and gradients, computed faster: the same numbers from the same weights."""

from e3d.fast.swap import accelerate

__all__ = ["accelerate"]
