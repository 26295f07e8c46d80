"""What a store may hold: checks of frames, of files as a whole, and of forces against energies."""
