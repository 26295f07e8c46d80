"""The package study.schemas."""
