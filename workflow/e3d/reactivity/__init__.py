"""The ``reactivity`` stage: barrier heights, stretched bonds, D along reaction paths and along molecular dynamics."""
