"""E3D: edge-wise emergent decomposition of machine-learned interatomic potentials."""

__version__ = "0.1.0"
