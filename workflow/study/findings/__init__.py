"""The package study.findings."""
