"""The ``level`` stage: D beside bond energies and bond orders computed at the labels' own level of theory."""
