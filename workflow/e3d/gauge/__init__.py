"""The ``gauge`` stage: how much of D energies and forces determine - seeds, rigidity, changes of the settings."""
