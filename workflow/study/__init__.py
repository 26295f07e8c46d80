"""The package study."""
