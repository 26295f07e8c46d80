"""Fetch the file of a dataset: resumable, checked, whole or not at all."""
