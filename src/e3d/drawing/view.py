"""Molecules and cells in 3-D: the HTML, and the data that ``web/view.js`` shows with 3Dmol.js."""

import json
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from importlib.resources import files
from typing import Any, Final

import numpy as np

from e3d.drawing.colors import ColorScale
from e3d.drawing.molecules import Molecule

MOST_ATOMS_3D: Final = 2_000
"""Larger structures are not shown in 3-D."""
_ATOMS_PER_PAGE: Final = 150_000
"""Atoms of all frames that a page holds, some 5 MB."""


def shown(molecules: Sequence[Molecule]) -> list[Molecule]:
    """Return the molecules that fit on a page: frames evenly spaced where there are too many."""
    small = [one for one in molecules if len(one.symbols) <= MOST_ATOMS_3D]
    total = sum(one.positions.shape[0] * one.positions.shape[1] for one in small)
    return [_thinned(one, min(1.0, _ATOMS_PER_PAGE / max(total, 1))) for one in small]


def _thinned(molecule: Molecule, share: float) -> Molecule:
    step = int(np.ceil(1 / share))
    if step == 1:
        return molecule
    return replace(
        molecule,
        frames=molecule.frames[::step],
        positions=molecule.positions[::step],
        cells=None if molecule.cells is None else molecule.cells[::step],
        bond_energies=molecule.bond_energies[::step],
    )


def view(molecules: Sequence[Molecule], names: Sequence[str], scale: ColorScale) -> str:
    """Return the HTML of a viewer of molecules, called by ``names``, with the data it shows."""
    options = "".join(
        f'<option value="{k}">{escape(name)}</option>' for k, name in enumerate(names)
    )
    several = "" if len(names) > 1 else " hidden"
    data = {"scale": scale.data(), "molecules": [_data(one) for one in molecules]}
    return _VIEWER.format(
        options=options,
        hidden=several,
        bar=scale.bar(),
        data=json.dumps(data, separators=(",", ":"), ensure_ascii=True).replace("<", "\\u003c"),
    )


def scripts() -> str:
    """Return the scripts of a page with viewers, to be placed at its end."""
    return "".join(f"<script>{web_file(name)}</script>\n" for name in ("3Dmol-min.js", "view.js"))


def licences() -> str:
    """Return the licence texts of what :func:`scripts` holds of others."""
    return web_file("3Dmol-NOTICE.txt") + "\n" + web_file("3Dmol-LICENSE.txt")


def web_file(name: str) -> str:
    """Return the text of a file of the folder ``web``."""
    return files("e3d.drawing").joinpath("web", name).read_text(encoding="utf-8")


def _data(molecule: Molecule) -> dict[str, Any]:
    n_frames = len(molecule.frames)
    energies = [
        [round(d, 3) if np.isfinite(d) else None for d in frame]
        for frame in molecule.bond_energies.tolist()
    ]
    return {
        "symbols": molecule.symbols,
        "frames": molecule.frames.tolist(),
        "positions": np.round(molecule.positions.reshape(n_frames, -1), 3).tolist(),
        "cells": None
        if molecule.cells is None
        else np.round(molecule.cells.reshape(n_frames, 9), 3).tolist(),
        "bonds": molecule.bonds,
        "d": energies,
    }


_VIEWER: Final = """<div class="view" data-view>
<label{hidden}>Structure <select class="view-molecule">{options}</select></label>
<div class="view-canvas" role="img" aria-label="Structure in 3-D, its bonds coloured by D"></div>
<p class="view-failed" hidden>This browser does not support WebGL, which the view in
3-D needs. The table of bonds below and the other drawings work without it.</p>
{bar}
<div class="view-controls">
<button type="button" class="view-play" aria-pressed="false">Play</button>
<input type="range" class="view-frame" min="0" value="0" step="1" aria-label="Frame">
<output class="view-frame-name"></output>
</div>
<div class="view-controls">
<label><input type="checkbox" class="view-labels" checked> D on the bonds</label>
<label><input type="checkbox" class="view-numbers"> atom numbers</label>
<button type="button" class="view-reset">Reset view</button>
</div>
<div class="view-curves" hidden><h4>D along the frames</h4>
<div class="view-plot"></div>
<p class="note">The bonds that change most are drawn. Choose others:</p>
<div class="view-chips" role="group" aria-label="Bonds drawn"></div></div>
<details><summary>Bonds of this frame</summary><div class="scroll"><table class="view-table">
<thead><tr><th>bond</th><th>type</th><th>length (Å)</th><th>D (eV)</th></tr></thead>
<tbody></tbody></table></div></details>
<script type="application/json">{data}</script></div>
"""
