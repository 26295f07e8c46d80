"""Fetch the file of a dataset or model: resumable, checked, whole or not at all."""
