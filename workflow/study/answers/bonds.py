"""D of one run on every bond of relaxed molecules, beside what the labels' own theory gives.

The molecules were cleaved into radicals (``e3d data cleavages``). Beside D stands the ordinary way
to get a bond energy from a potential: its energy of both radicals less that of the molecule.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from rdkit import Chem

from e3d import lineage, tables
from e3d.chemistry import flat, flat_smiles, molecule, parse
from e3d.decomposition.rows import Decomposer
from e3d.fields import Column as C
from e3d.models import load_model
from e3d.named_bonds.table import find_named
from e3d.potential import LoadedModel
from e3d.store.reader import StoreReader
from e3d.structures import Structure
from e3d.theory import AIMNET2, SPICE
from e3d.units import BOHR_ANG, EV_KCAL_MOL
from e3d_labels.cleavage_energies import DE as DE_OF_CLEAVAGE
from e3d_labels.cleavages import FRAGMENTS, MOLECULES, RADICAL, cleavages
from e3d_labels.geometries import Geometries, read_geometries
from e3d_labels.reference_energies import DE as DE_OF_NAMED
from e3d_labels.reference_energies import MEAN as MEAN_OF_NAMED
from e3d_labels.reference_species import species_name
from study.answers.barriers import run_table
from study.answers.fields import ADDITIVE, BOND, DE, MEAN, MOLECULE_ENERGY, NAME, OWN_DE, TEACHER
from study.null.names import COARSE

_TYPES: Final = (C.BOND_TYPE, C.FINE_TYPE)
_OF_BATCH: Final = (C.I, C.J, *_TYPES, C.R, C.BOND_ENERGY)
_LEVEL_OF: Final = {AIMNET2: SPICE.name}
"""Whose bond energies stand beside labels whose own theory has none: it knows no radicals."""


def write_table(
    model: Path,
    geometries: Path,
    *,
    store: Path,
    subset: Path,
    cleavage_energies: Path,
    label_level: Sequence[Path],
    additivity: Path,
    run: Mapping[str, Any],
    device: str,
    output: Path,
    paths: Sequence[Path] = (),
    teacher: Path | None = None,
) -> None:
    """Write a row per bond of every molecule that was cleaved, and ``.barriers.csv`` beside it.

    Parameters
    ----------
    model, store, subset, run, device
        Checkpoint of the run, what it was trained on, the run's columns, and where it is evaluated.
    geometries, cleavage_energies
        Relaxed molecules and radicals, and De of their bonds.
    label_level
        Tables of De and mean bond energies of the named bonds, each at a level of theory.
    additivity
        Bond energies by additivity, fitted to the run's training frames.
    paths
        Reaction paths, whose barriers go into the second table.
    teacher
        Model that labelled the run's frames, if one did.

    Raises
    ------
    InputError
        If a file lacks something, or the model is of another run.
    """
    potential = load_model(model, device)
    lineage.require_run(potential, run)
    frames = tables.read(subset, columns=(C.FRAME, C.SMILES))
    with StoreReader(store) as reader:
        theory = str(reader.attributes["theory"])
        barriers = run_table(potential, paths, reader, frames[C.FRAME].to_numpy())
    groups = read_geometries(geometries)
    table = bond_table(potential, groups)
    table[TEACHER] = np.nan
    if teacher is not None:
        known = bond_table(load_model(teacher, device), groups).set_index(list(BOND))
        table[TEACHER] = table[list(BOND)].join(known[C.BOND_ENERGY], on=list(BOND))[C.BOND_ENERGY]
    of_cleavages = tables.read(cleavage_energies, columns=(*BOND, "theory", DE_OF_CLEAVAGE))
    named = pd.concat([_read_named(path) for path in label_level], ignore_index=True)
    own = of_cleavages["theory"] == theory
    beside = named["theory"] == _LEVEL_OF.get(theory, theory)
    table = with_references(table, of_cleavages[own], named[beside])
    fitted = tables.read(additivity, columns=(C.MODEL, C.BOND_TYPE, C.BOND_ENERGY))
    coarse = fitted[fitted[C.MODEL] == COARSE.name].set_index(C.BOND_TYPE)
    table[ADDITIVE] = table[C.BOND_TYPE].map(coarse[C.BOND_ENERGY])
    trained_on = {flat(one) for one in frames[C.SMILES].unique()}
    table[C.IN_TRAINING] = table[C.MOLECULE].map(flat).isin(trained_on)
    table[C.N_PARAMETERS] = potential.n_parameters
    inputs = [model, geometries, store, subset, cleavage_energies, *label_level, additivity, *paths]
    inputs += [] if teacher is None else [teacher]
    made = {"": table.drop(columns=C.SMILES), ".barriers": barriers}
    tables.write_of_run(made, output, run, inputs=inputs)


def _read_named(path: Path) -> pd.DataFrame:
    """Return a table of named bonds at a level of theory, as :func:`find_named` takes it."""
    table = tables.read(path, columns=("bond", C.SMILES, "theory", DE_OF_NAMED, MEAN_OF_NAMED))
    table["named_smiles"] = table[C.SMILES]
    table["canonical"] = [flat_smiles(Chem.AddHs(parse(one))) for one in table[C.SMILES]]
    return table


def bond_table(model: LoadedModel, groups: Sequence[Geometries]) -> pd.DataFrame:
    """Return D, length, and the model's own De of every bond of the cleaved molecules.

    What has an element that the model does not know is left out. Energies are in eV, those of
    molecules without isolated atoms.
    """
    molecules = _known(model, groups, MOLECULES)
    energy = _binding_energies(model, _known(model, groups, FRAGMENTS))
    decomposer = Decomposer(model)
    parts = []
    for batch in decomposer.batches(molecules.values()):
        frame = batch.bonds.frame
        about = {str(name): batch.columns[name] for name in _OF_BATCH}
        parts.append(
            pd.DataFrame(
                {
                    str(C.MOLECULE): np.array([one.smiles for one in batch.structures])[frame],
                    str(C.SMILES): np.array([one.mapped_smiles for one in batch.structures])[frame],
                    **about,
                    MOLECULE_ENERGY: (batch.edges.energy - batch.edges.shift)[frame],
                }
            )
        )
    table = pd.concat(parts, ignore_index=True)
    for name in _TYPES:
        table[name] = np.array(decomposer.texts()[name])[table[name]]
    table[OWN_DE] = _own_de(table, molecules, energy)
    return table


def _known(model: LoadedModel, groups: Sequence[Geometries], subset: str) -> dict[str, Structure]:
    """Return the structures of a kind of group that the model knows, by the group's name."""
    found = {one.name: _structure(one) for one in groups if one.subset == subset}
    return {name: one for name, one in found.items() if model.knows(one)}


def _structure(group: Geometries) -> Structure:
    """Return a group of one conformation as a structure."""
    parsed = molecule(group.smiles)
    return Structure(
        label=group.name,
        frame=0,
        positions=group.positions[0].astype(np.float64) * BOHR_ANG,
        atomic_numbers=group.numbers,
        smiles=parsed.smiles,
        mapped_smiles=group.smiles,
        bonds=parsed.bonds,
    )


def _binding_energies(model: LoadedModel, structures: Mapping[str, Structure]) -> dict[str, float]:
    """Return the model's energies of structures without isolated atoms, eV; 0 of a lone atom."""
    lone = {name for name, one in structures.items() if len(one.atomic_numbers) == 1}
    several = {name: one for name, one in structures.items() if name not in lone}
    energy = [
        value
        for batch in model.batches(several.values())
        for edges in [model.edge_energies(batch)]
        for value in (edges.energy - edges.shift).tolist()
    ]
    return dict.fromkeys(lone, 0.0) | dict(zip(several, energy, strict=True))


def _own_de(
    table: pd.DataFrame, molecules: Mapping[str, Structure], energy: Mapping[str, float]
) -> list[float]:
    """Return the model's energy of both radicals less that of the molecule, of each row; or NaN."""
    parts = {
        (one.smiles, cut.i, cut.j): [species_name(name, RADICAL) for name in cut.names]
        for one in molecules.values()
        for cut in cleavages(one.mapped_smiles or "")
    }
    bonds = zip(*(table[name] for name in (*BOND, MOLECULE_ENERGY)), strict=True)
    return [
        sum(energy.get(part, np.nan) for part in parts.get((name, i, j), [""])) - whole
        for name, i, j, whole in bonds
    ]


def with_references(
    table: pd.DataFrame, of_cleavages: pd.DataFrame, named: pd.DataFrame
) -> pd.DataFrame:
    """Add the name of named bonds, De, and the mean bond energy of each bond's type, eV.

    De is that of the cleavage; where the theory has none, that of the named bond. The mean bond
    energy of a type is the average over the named bonds of that type.
    """
    table = table.join(of_cleavages.set_index(list(BOND))[DE_OF_CLEAVAGE].rename(DE), on=list(BOND))
    table[NAME] = ""
    means: dict[str, list[float]] = {}
    for one, rows in find_named(table, named):
        table.loc[rows, NAME] = one["bond"]
        if of_cleavages.empty:
            table.loc[rows, DE] = one[DE_OF_NAMED] / EV_KCAL_MOL
        kind = str(table[C.BOND_TYPE].iloc[rows[0]])
        means.setdefault(kind, []).append(one[MEAN_OF_NAMED] / EV_KCAL_MOL)
    table[MEAN] = table[C.BOND_TYPE].map(
        {kind: np.nanmean(found) for kind, found in means.items() if np.isfinite(found).any()}
    )
    return table
