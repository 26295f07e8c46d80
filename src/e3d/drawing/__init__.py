"""Bond energies drawn: molecules in 2-D, and molecules and cells in 3-D."""
