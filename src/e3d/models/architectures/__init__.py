"""Architectures of public models that were published as compiled files: data, no code."""
