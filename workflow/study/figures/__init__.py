"""The package study.figures."""
