"""Decomposition: directed edge energies of a model, paired into bond energies D."""
