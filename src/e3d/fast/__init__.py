"""Allegro's energies, forces and gradients, computed faster from the same weights."""

from e3d.fast.swap import accelerate

__all__ = ["accelerate"]
