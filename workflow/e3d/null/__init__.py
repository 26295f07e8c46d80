"""The ``null`` stage: what D must beat before it says anything (docs/method.md, section 11)."""
