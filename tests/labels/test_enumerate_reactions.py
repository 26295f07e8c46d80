"""Reactions from templates: mapped alike on both sides, closed shells, one for each molecule."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from e3d import tables
from e3d.chemistry import molecule
from e3d_labels.enumerate_reactions import TEMPLATES, enumerate_reactions, reactions
from e3d_labels.reaction_ends import changed_pairs
from e3d_labels.reactions import read_reactions

Expect = Callable[..., AbstractContextManager[None]]
ONE_EACH = {
    "elimination": ("CCF", "C=C.F"),
    "loss of hydrogen": ("CO", "C=O.[H][H]"),
    "hydrogen shift 1,3": ("CC=O", "C=CO"),
    "loss of CO": ("CC=O", "C.[C-]#[O+]"),
    "loss of CO2": ("CC(=O)O", "C.O=C=O"),
    "retro-ene": ("O=CCCO", "C=CO.C=O"),
    "opening of three-membered ring": ("C1CO1", "CC=O"),
    "opening of cyclobutene": ("C1=CCC1", "C=CC=C"),
    "nitrile to isonitrile": ("CC#N", "[C-]#[N+]C"),
}


def listed(folder: Path, *smiles: str) -> Path:
    path = folder / "list.smi"
    path.write_text("\n".join(smiles) + "\n")
    return path


@pytest.mark.parametrize("template", TEMPLATES)
def test_each_template_does_what_its_name_says(template: str) -> None:
    reactant, product = ONE_EACH[template]
    ((name, sides),) = reactions(template, [reactant])
    assert tuple(molecule(side).smiles for side in sides) == (reactant, product)
    assert name == f"{template}: {reactant} -> {product}"


@pytest.mark.parametrize("smiles", ["C[NH3+]", "[CH2]CO", "CC(=O)[O-]"])
def test_ions_and_open_shells_react_in_nothing(
    smiles: str, tmp_path: Path, input_error: Expect
) -> None:
    """Paths are computed of neutral molecules of closed shells, whatever a SMILES says."""
    assert not [one for template in TEMPLATES for one in reactions(template, [smiles])]
    table = tmp_path / "reactions.csv"
    sides = "[H:3][C:1]#[N:2],[C-:1]#[N+:2][H:3]"
    table.write_text(f"name,reactant,product\na,{sides}\n")
    assert len(read_reactions(table)) == 1
    ion = "[N+:1]([H:2])([H:3])([H:4])[H:5]"
    table.write_text(f"name,reactant,product\na,{sides}\nb,{ion},{ion}\n")
    with input_error("reactions.csv line 3", "charge +1 and multiplicity 1", "Leave it out"):
        read_reactions(table)


def test_both_sides_have_the_same_atoms_and_other_bonds(root: Path, tmp_path: Path) -> None:
    output = tmp_path / "reactions.csv"
    enumerate_reactions(root / "resources" / "enumerated.smi", output, n=120, seed=0)
    found = read_reactions(output)  # which refuses sides of other atoms, and names that repeat
    assert len(found) == 120
    for one in found:
        before, after = molecule(one.reactant), molecule(one.product)
        assert before.multiplicity == after.multiplicity == 1
        assert before.charge == after.charge == 0
        broken, formed = changed_pairs(one.reactant, one.product)
        assert (
            broken
            or formed
            or {b.bond_type for b in before.bonds} != {b.bond_type for b in after.bonds}
        )
    kinds = {one.name.split(":")[0] for one in found}
    assert kinds == set(TEMPLATES)


def test_the_same_seed_gives_the_same_table(root: Path, tmp_path: Path) -> None:
    source = root / "resources" / "enumerated.smi"
    tables_ = [
        enumerate_reactions(source, tmp_path / f"{k}.csv", n=30, seed=seed)
        for k, seed in enumerate((0, 0, 1))
    ]
    assert tables_[0].equals(tables_[1])
    assert not tables_[0].equals(tables_[2])


def test_a_list_with_too_few_is_one_line(tmp_path: Path, input_error: Expect) -> None:
    with input_error("1 reactions were found, and 5 are wanted", "Lower --n"):
        enumerate_reactions(listed(tmp_path, "CC#N"), tmp_path / "reactions.csv", n=5, seed=0)
    assert not (tmp_path / "reactions.csv").exists()


def test_what_is_written_is_what_was_found(root: Path, tmp_path: Path) -> None:
    output = tmp_path / "reactions.csv"
    source = root / "resources" / "enumerated.smi"
    table = enumerate_reactions(source, output, n=20, seed=0)
    assert tables.read(output).astype(str).equals(table.astype(str))
