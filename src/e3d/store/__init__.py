"""The package e3d.store."""
