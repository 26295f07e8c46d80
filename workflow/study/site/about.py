"""What a page says of its study: which runs it has, what made its tables, and how it is cited."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from e3d import __version__
from e3d.fields import Column as C
from e3d.options import read_yaml
from study.fields import base_and_variant, is_given
from study.runs import sized_models
from study.site.gather import Material
from study.words import counted


def runs_words(runs: pd.DataFrame) -> str:
    """Return which models a study has, in a sentence; empty where no table says it."""
    if runs.empty:
        return ""
    given = runs[C.RUN].astype(str).map(is_given).astype(bool)
    parts = []
    trained = runs[~given]
    if len(trained):
        seeds = trained.groupby([C.DATASET, C.N_TRAIN, C.MODEL])[C.SEED].nunique()
        sizes = list(dict.fromkeys(base_and_variant(name)[0] for name in _by_size(trained)))
        n = sorted({int(one) for one in trained[C.N_TRAIN]})
        parts.append(
            f"{counted(len(trained), 'model')} trained on "
            f"{_joined(list(dict.fromkeys(trained[C.DATASET].astype(str))))}: "
            f"{_range(n)} training frames, size{'s' if len(sizes) > 1 else ''} {_joined(sizes)}, "
            f"{_range(sorted({*seeds}))} seed{'s' if seeds.max() > 1 else ''} of each"
        )
    if given.any():
        names = list(dict.fromkeys(runs[given][C.MODEL].astype(str)))
        parts.append(f"{counted(len(names), 'model')} that others trained, {_joined(names)}")
    return "; ".join(parts) + "."


def _by_size(runs: pd.DataFrame) -> list[str]:
    return list(sized_models(runs)) if C.N_PARAMETERS in runs else [*runs[C.MODEL].astype(str)]


def _range(values: Sequence[int]) -> str:
    return f"{values[0]:,}" + (f" to {values[-1]:,}" if len(values) > 1 else "")


def _joined(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def provenance_html(material: Material, tables: Sequence[Mapping[str, Any]]) -> str:
    """Return what made the tables, and the hash of each."""
    facts = {"study": material.name, "e3d": __version__}
    facts |= {
        key: str(material.origin[key])
        for key in ("commit", "processor", "cores")
        if material.origin.get(key)
    }
    versions = material.origin.get("versions") or {}
    items = "".join(
        f"<div><dt>{escape(key)}</dt><dd>{escape(value)}</dd></div>" for key, value in facts.items()
    )
    rows = "".join(
        f"<tr><td>{escape(one['name'])}</td><td><code>{one['sha256']}</code></td></tr>"
        for one in tables
    )
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f'<dl class="facts">{items}</dl>'
        "<p>Every number on this page is read from the study's tables."
        + (f" They were made with {escape(named)}." if named else "")
        + "</p><details><summary>SHA-256 of every table, its first 16 digits</summary>"
        f'<div class="scroll"><table><tbody>{rows}</tbody></table></div></details>'
    )


def citation_html(path: Path, material: Material) -> str:
    """Return how the study, and what it rests on, is cited: what CITATION.cff says."""
    cff = read_yaml(path)
    commit = material.origin.get("commit")
    made = f", commit {commit}" if commit else ""
    items = [f"{cff['title']} Version {cff['version']}, study “{material.name}”{made}."]
    for one in cff["references"]:
        names = ", ".join(author["family-names"] for author in one["authors"])
        items.append(f"{names}: {one['title']}. {one['journal']} ({one['year']}), doi:{one['doi']}")
    listed = "".join(f"<li>{escape(item)}</li>" for item in items)
    return f"<p>{escape(cff['message'])}</p><ul class='citations'>{listed}</ul>"
