"""Snakemake's logger plug-in ``study``, which ``profiles/default`` asks for.

Snakemake finds it by the name of this package where the study is installed; elsewhere the profile
registers it.
"""

from study.progress.handler import LogHandler

__all__ = ["LogHandler"]
