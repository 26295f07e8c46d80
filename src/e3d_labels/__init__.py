"""The package e3d_labels."""
