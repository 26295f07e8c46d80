"""Bond energies drawn: molecules on paper, and molecules and cells in space."""
