"""The page of a report, section by section."""

from collections.abc import Sequence
from html import escape
from typing import Any, Final

from e3d import __version__
from e3d.drawing.colors import ColorScale
from e3d.drawing.molecules import Molecule
from e3d.drawing.page import page
from e3d.drawing.skeleton import MOST_ATOMS_2D, WITH_HYDROGENS, skeleton
from e3d.drawing.view import MOST_ATOMS_3D, licences, scripts, shown, view, web_file
from e3d.fields import METRICS
from e3d.fields import Column as C
from e3d.potential import LoadedModel
from e3d.report import charts, named
from e3d.report.parts import number, table_html
from e3d.report.sets import StructureSet
from e3d.statistics import Estimate

_MOST_TYPES: Final = 24
"""Bond types in a chart, the commonest first."""
_FAR_MEV: Final = 1_000.0
"""Energy error per atom that no model trained on such labels has: they have another zero."""
_ROUNDING_EV: Final = 1e-9
"""Violations of the sum rule below it are not told apart; 1e-8 eV is what is allowed."""
_FACTS: Final = {
    "kind": "kind of file",
    "nequip_version": "nequip",
    "allegro_version": "nequip-allegro",
    "trained_in": "trained in",
    "r_max_ang": "cutoff (Å)",
    "l_max": "highest angular order",
    "n_layers": "layers",
    "n_scalar_features": "scalar features",
    "n_tensor_features": "tensor features",
    "n_weights": "weights",
    "n_neighbours_mean": "mean number of neighbours",
    "pair_potentials": "pair potentials",
    "shifts": "energies of single atoms (shifts)",
    "trained_on_run": "run",
    "trained_on_store": "trained on the store",
    "trained_on_splits": "with the splits",
    "trained_on_subset": "on the frames",
}
"""Words for the facts of a model; one without words shows its name."""
_WHAT_D_IS: Final = """<p><b>D</b> of a bond is minus the sum of the energies that the model puts
on its two directed edges, in eV: positive for a bond. The energies of all edges and of the single
atoms add up to the model's total energy on every frame (the sum rule, checked below).</p>
<p>The sum of all D is the atomisation energy only where the model's energies of single atoms are
those of isolated atoms at the level of theory of its training data. Otherwise D has another zero:
compare bonds with each other, not with tables. Training on energies and forces leaves part of D
free, so two models of the same accuracy may share the energy out differently.</p>"""


def report_page(model: LoadedModel, bonds: named.Named, sets: Sequence[StructureSet]) -> str:
    """Return the page on a model: the named bonds, and the given sets of structures if any."""
    decomposed = [one for one in sets if one.summary]
    decomposed = decomposed or [one for one in [bonds.structures] if one.summary]
    molecules = [molecule for one in decomposed for molecule in one.molecules]
    scale = ColorScale.of([one.bond_energies for one in molecules])
    sections = [
        ("model", "The model", _model(model)),
        ("named", "Named bonds", named.section(bonds)),
    ]
    if decomposed:
        sections += [
            ("molecules", "Molecules", _flat(decomposed, scale)),
            ("view", "3-D view", _solid(decomposed, scale)),
            ("types", "D by bond type", _types(decomposed)),
        ]
    sections.append(("checks", "Errors and checks", _checks([bonds.structures, *sets])))
    links = "".join(f'<a href="#{key}">{title}</a>' for key, title, _ in sections)
    body = "\n".join(
        f'<section id="{key}"><h2>{title}</h2>\n{text}\n</section>' for key, title, text in sections
    )
    name = escape(model.path.name)
    return page(
        f"Bond energies of {model.path.name}",
        f"<header><h1>Bond energies of {name}</h1>\n"
        f'<p class="note">Report of e3d {__version__}. All energies in eV, lengths in Å.</p>'
        f"<nav>{links}</nav></header>\n<main>\n{body}\n</main>\n<footer><details>"
        "<summary>Licences of the scripts in this page</summary>"
        f"<pre>{escape(licences())}</pre></details></footer>\n"
        f"{scripts()}<script>{web_file('sort.js')}</script>",
    )


def _model(model: LoadedModel) -> str:
    facts: dict[str, Any] = {"elements": " ".join(model.type_names)}
    facts |= {_FACTS.get(key, key): value for key, value in model.facts.items()}
    facts.setdefault(_FACTS["n_weights"], model.n_parameters)
    items = "".join(
        f"<div><dt>{escape(str(key))}</dt><dd>{escape(_fact(value))}</dd></div>"
        for key, value in facts.items()
    )
    return f'<dl class="facts">{items}</dl>\n{_WHAT_D_IS}'


def _fact(value: str | int | float) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else value


def _flat(sets: Sequence[StructureSet], scale: ColorScale) -> str:
    parts = [
        "<p>The number and the colour of a bond are its D in eV, averaged over the frames of the "
        "molecule that this page holds.</p>",
        scale.bar(),
    ]
    for one in sets:
        cards = [
            _card(molecule, step, scale)
            for molecule, step in zip(one.molecules, one.steps, strict=True)
            if molecule.mapped_smiles is not None and len(molecule.symbols) <= MOST_ATOMS_2D
        ]
        n_without = len(one.molecules) - len(cards)
        notes = []
        if n_without:
            notes.append(
                f"Not drawn here: {n_without} whose bonds come from distances, or with more than "
                f"{MOST_ATOMS_2D} atoms. The 3-D view shows those of up to {MOST_ATOMS_3D:,} atoms."
            )
        if one.n_others:
            notes.append(f"{one.n_others:,} more molecules are in {one.name}/bond_means.csv.")
        parts.append(f"<h3>{escape(one.title)}</h3>")
        parts.append(f'<div class="cards">{"".join(cards)}</div>')
        parts += [f'<p class="note">{escape(" ".join(notes))}</p>'] if notes else []
    return "\n".join(parts)


def _card(molecule: Molecule, step: int, scale: ColorScale) -> str:
    n = len(molecule.frames)
    frames = f"mean of {n} frames{_every(step)}" if n > 1 else f"frame {molecule.frames[0]}"
    left = ""
    if len(molecule.symbols) > WITH_HYDROGENS and "H" in molecule.symbols:
        left = "; bonds to hydrogen are not drawn"
    return (
        f'<figure class="card">{skeleton(molecule, scale)}'
        f"<figcaption>{escape(molecule.name)}, {frames}{left}</figcaption></figure>"
    )


def _every(step: int) -> str:
    return f", one in {step}" if step > 1 else ""


def _solid(sets: Sequence[StructureSet], scale: ColorScale) -> str:
    pairs = [
        (molecule, _name(one, molecule), step)
        for one in sets
        for molecule, step in zip(one.molecules, one.steps, strict=True)
        if len(molecule.symbols) <= MOST_ATOMS_3D
    ]
    if not pairs:
        return f"<p>No structure has at most {MOST_ATOMS_3D:,} atoms.</p>"
    visible = shown([molecule for molecule, _, _ in pairs])
    names = []
    for kept, (molecule, name, step) in zip(visible, pairs, strict=True):
        step = step * -(-len(molecule.frames) // len(kept.frames))
        n = len(kept.frames)
        names.append(name + (f" ({n} frames{_every(step)})" if n > 1 else ""))
    return (
        "<p>Turn with the mouse or a finger, zoom with the wheel. Atoms are numbered from 0, as in "
        "the tables. This page holds evenly spaced frames of a long trajectory, the tables all of "
        f"them.</p>{view(visible, names, scale)}"
    )


def _name(one: StructureSet, molecule: Molecule) -> str:
    return one.title if one.title == molecule.name else f"{one.title}: {molecule.name}"


def _types(sets: Sequence[StructureSet]) -> str:
    parts = ["<p>All bonds of all frames; the stroke is the median. Right: median and number.</p>"]
    for one in sets:
        rows = list(one.bond_energies.items())
        parts.append(f"<h3>{escape(one.title)}</h3>")
        if rows:
            chart = charts.ridges(rows[:_MOST_TYPES])
            parts.append(f'<div class="wide"><figure>{chart}</figure></div>')
            parts.append(charts.legend([kind for kind, _ in rows]))
        else:
            parts.append("<p>No bonds.</p>")
        if len(rows) > _MOST_TYPES:
            rest = len(rows) - _MOST_TYPES
            note = f"{rest} rarer types are in {one.name}/bonds.parquet."
            parts.append(f'<p class="note">{escape(note)}</p>')
    return "\n".join(parts)


def _checks(sets: Sequence[StructureSet]) -> str:
    return "\n".join([_errors(sets), "<h3>Sum rule and frames</h3>", _frames(sets), _left(sets)])


def _errors(sets: Sequence[StructureSet]) -> str:
    labelled = [one for one in sets if one.errors is not None]
    if not labelled:
        return "<p>The structures carry no energies and forces to compare the model with.</p>"
    head = (
        *("structures", "frames", "energy MAE (meV/atom)", "energy RMSE (meV/atom)"),
        *("force MAE (meV/Å)", "force RMSE (meV/Å)"),
    )
    rows, far = [], False
    for one in labelled:
        errors = one.errors or {}
        cells = []
        for metric in METRICS:
            value = Estimate.read(errors, metric)
            ends = f" [{number(value.lo, 1)}, {number(value.hi, 1)}]" if value.has_interval else ""
            cells.append(number(value.value, 1) + ends)
        rows.append([one.title, f"{errors[C.N_FRAMES]:,}", *cells])
        far |= float(errors[C.ENERGY_MAE]) > _FAR_MEV
    note = (
        '<p class="note">An energy error of more than 1 eV per atom usually means that the labels '
        "have another zero than the model's training data; forces do not depend on it.</p>"
    )
    return (
        "<p>Errors of the model on the structures' own energies and forces, with 95 % intervals by "
        f"a jackknife over molecules.</p>{table_html(head, rows, n_text=1)}{note if far else ''}"
    )


def _frames(sets: Sequence[StructureSet]) -> str:
    head = (
        *("structures", "frames", "left out", "with changed bonds", "edges"),
        *("largest violation of the sum rule (eV)", "share of D on bonds"),
    )
    rows = []
    for one in sets:
        found = one.summary
        if not found:
            rows.append([one.title, "0", f"{len(one.left_out):,}", *["–"] * 4])
            continue
        share = found["bonded_share"]
        rows.append(
            [
                one.title,
                f"{found['frames']:,}",
                f"{len(one.left_out):,}",
                f"{found['frames_with_changed_bonds']:,}",
                f"{found['edges']:,}",
                _violation(float(found[C.SUM_RULE])),
                "–" if share is None else number(share, 3),
            ]
        )
    return table_html(head, rows, n_text=1)


def _violation(value: float) -> str:
    """Return its size where it is more than rounding, whose digits differ from run to run."""
    small = value < _ROUNDING_EV
    text = f"{_ROUNDING_EV if small else value:.0e}".replace("e-0", "e-").replace("-", "−")
    return f"< {text}" if small else text


def _left(sets: Sequence[StructureSet]) -> str:
    counts: dict[tuple[str, str], int] = {}
    for one in sets:
        for _, _, unknown in one.left_out:
            counts[one.title, unknown] = counts.get((one.title, unknown), 0) + 1
    if not counts:
        return "<p>No structure was left out.</p>"
    rows = [[name, unknown, f"{n:,}"] for (name, unknown), n in counts.items()]
    head = ("structures", "elements that the model does not know", "left out")
    return (
        "<p>Structures with elements that the model does not know were left out; those of the "
        f"given structures are listed in left_out.csv.</p>{table_html(head, rows, n_text=2)}"
    )
