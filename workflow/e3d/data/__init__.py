"""The ``data`` stage: read a dataset's own layout, check it, write the store, split it, subset it."""
