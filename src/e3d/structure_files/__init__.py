"""Structures in files of many programs: frames as ASE reads them, and what it passes over."""
