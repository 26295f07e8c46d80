"""Molecules and what is left of them when a bond breaks, relaxed by GFN2-xTB.

Every single bond that holds a molecule together is cleaved into two radicals. Each radical starts
from the geometry it has in the molecule and relaxes by itself. Labelled like any geometries
(``e3d data label``), they give De of every such bond (:mod:`e3d_labels.cleavage_energies`).
"""

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from rdkit import Chem

from e3d import provenance
from e3d.chemistry import canonical_smiles, molecule, parse
from e3d.connectivity import bonds_intact
from e3d.errors import InputError
from e3d.units import BOHR_ANG
from e3d_labels.each_molecule import compute_each
from e3d_labels.embed import embed, lowest_minimum
from e3d_labels.geometries import electrons, new_file, write_group
from e3d_labels.journal import Journal
from e3d_labels.molecule_list import Entry, hdf5_name, read_molecules, require_neutral
from e3d_labels.programs import require
from e3d_labels.reference_species import species_name

log = logging.getLogger(__name__)

MOLECULES, FRAGMENTS = "molecules", "fragments"
RADICAL = 2
"""Multiplicity of what a broken single bond leaves."""
_CONFORMERS = 3
_SEED = 7


@dataclass(frozen=True)
class Cleavage:
    """A single bond between rows i < j of a molecule, and the two radicals that it joins.

    ``rows`` has the rows of each radical in the molecule, ``smiles`` their SMILES, mapped in that
    order. The first has row i.
    """

    i: int
    j: int
    rows: tuple[tuple[int, ...], tuple[int, ...]]
    smiles: tuple[str, str]

    @property
    def names(self) -> tuple[str, str]:
        """Return the canonical SMILES of the two radicals."""
        first, second = (canonical_smiles(parse(one)) for one in self.smiles)
        return first, second


@dataclass(frozen=True)
class Relaxed:
    """Minima of a molecule (N atoms) and of the radicals of its B kinds of cleavage.

    Parameters
    ----------
    smiles
        Mapped.
    positions
        Of the molecule (N, 3), Å.
    radicals
        (B, N, 3), Å: of both radicals of a cleavage, each relaxed alone, in the molecule's rows.
    energy
        Of both (B, 2), eV; NaN where bonds changed on the way.
    """

    smiles: str
    positions: NDArray[np.float64]
    radicals: NDArray[np.float64]
    energy: NDArray[np.float64]


def cleavages(smiles: str) -> list[Cleavage]:
    """Return the cleavages of a molecule of a mapped SMILES into two radicals, by rows.

    Bonds in rings leave one piece, double bonds pieces of many spin states, and those of a nitro
    group ions: they are passed over.

    >>> [one.names for one in cleavages("[C:1]([O:2][H:6])([H:3])([H:4])[H:5]")][:2]
    [('[CH3]', '[OH]'), ('[CH2]O', '[H]')]
    """
    mol = parse(smiles)
    row = [atom.GetAtomMapNum() - 1 for atom in mol.GetAtoms()]
    found = [
        _cleaved(mol, bond, row)
        for bond in mol.GetBonds()
        if bond.GetBondType() == Chem.BondType.SINGLE and not bond.IsInRing()
    ]
    neutral = [one for one in found if not any(molecule(part).charge for part in one.smiles)]
    return sorted(neutral, key=lambda one: (one.i, one.j))


def kinds_of_cleavage(smiles: str) -> list[Cleavage]:
    """Return one cleavage for each pair of radicals: equivalent bonds leave the same."""
    found = {tuple(sorted(one.names)): one for one in reversed(cleavages(smiles))}
    return list(reversed(found.values()))


def _cleaved(mol: Chem.Mol, bond: Chem.Bond, row: list[int]) -> Cleavage:
    begin, end = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
    if row[begin] > row[end]:
        begin, end = end, begin
    apart = Chem.RWMol(mol)
    Chem.Kekulize(apart, clearAromaticFlags=True)  # pyrrole without its H is no aromatic SMILES
    apart.RemoveBond(begin, end)
    for place in (begin, end):
        apart.GetAtomWithIdx(place).SetNumRadicalElectrons(1)
        apart.GetAtomWithIdx(place).SetNoImplicit(True)
    pieces = [sorted(piece, key=row.__getitem__) for piece in Chem.GetMolFrags(apart)]
    first, second = pieces if begin in pieces[0] else reversed(pieces)
    return Cleavage(
        row[begin],
        row[end],
        (tuple(row[atom] for atom in first), tuple(row[atom] for atom in second)),
        (_smiles_of(apart, first), _smiles_of(apart, second)),
    )


def _smiles_of(apart: Chem.Mol, atoms: list[int]) -> str:
    """Return the SMILES of some atoms, mapped in their order."""
    numbered = Chem.Mol(apart)
    for number, atom in enumerate(atoms, start=1):
        numbered.GetAtomWithIdx(atom).SetAtomMapNum(number)
    return str(Chem.MolFragmentToSmiles(numbered, atoms))


def write_cleavages(molecules: Path, output: Path, *, jobs: int = 1) -> dict[str, Any]:
    """Relax the molecules of a list and their radicals, and write them in the SPICE layout.

    Finished molecules are kept at once in ``<output>.journal``: a second call goes on there. A
    radical that several molecules leave is written once, as the lowest of its minima.

    Parameters
    ----------
    molecules
        List of SMILES.
    jobs
        Processes, one thread each.

    Returns
    -------
    The report, also written to ``<output>.report.json``.

    Raises
    ------
    InputError
        For a list that cannot be read, a missing tblite, or when no molecule could be relaxed.
    """
    entries = read_molecules(molecules)
    require("tblite")
    with Journal(output.with_name(output.name + ".journal"), Relaxed, _key) as journal:
        compute_each(_relaxed, entries, journal, jobs=jobs, named="relaxing")
        report = _write(entries, journal, output, molecules)
    provenance.write_json(output.with_name(output.name + ".report.json"), report)
    provenance.record(output, inputs=[molecules], settings={"method": "GFN2-xTB"})
    return report


def _key(entry: Entry) -> str:
    return hashlib.sha256(f"cleavages {entry.smiles}".encode()).hexdigest()


def _relaxed(entry: Entry) -> Relaxed:
    return relaxed(entry.smiles)


def relaxed(smiles: str) -> Relaxed:
    """Relax a molecule, then the radicals of each kind of cleavage.

    Raises
    ------
    InputError
        If the molecule is an ion or has open shells, cannot be embedded, or its bonds change while
        it relaxes.
    """
    require_neutral(smiles, "a list of molecules to cleave")
    mapped, frames = embed(smiles, conformers=_CONFORMERS, seed=_SEED)
    whole = lowest_minimum(frames)
    if not _intact(mapped, whole.positions):
        raise InputError(f"{smiles}: its bonds change while it relaxes. Leave it out.")
    radicals, energies = [], []
    for one in kinds_of_cleavage(mapped):
        both, energy = whole.positions.copy(), [np.nan, np.nan]
        for side in (0, 1):
            rows = list(one.rows[side])
            piece = lowest_minimum(
                [Atoms(whole.numbers[rows], whole.positions[rows])], multiplicity=RADICAL
            )
            both[rows] = piece.positions
            if _intact(one.smiles[side], piece.positions):
                energy[side] = float(piece.get_potential_energy())
        radicals.append(both)
        energies.append(energy)
    n = len(whole)
    return Relaxed(
        mapped,
        np.array(whole.positions),
        np.array(radicals).reshape(-1, n, 3),
        np.array(energies).reshape(-1, 2),
    )


def _intact(smiles: str, positions: NDArray[np.float64]) -> bool:
    known = molecule(smiles)
    numbers = np.array(known.atomic_numbers)
    return bool(bonds_intact(positions[None], numbers, known.bond_index)[0])


@dataclass(frozen=True)
class _Radical:
    smiles: str
    positions: NDArray[np.float64]
    energy: float


def _lowest(found: Iterable[Relaxed]) -> dict[str, _Radical]:
    """Return the lowest minimum of each radical, by its name."""
    lowest: dict[str, _Radical] = {}
    for one in found:
        for kind, both, energy in zip(
            kinds_of_cleavage(one.smiles), one.radicals, one.energy, strict=True
        ):
            for side, name in enumerate(kind.names):
                own = _Radical(kind.smiles[side], both[list(kind.rows[side])], energy[side])
                if np.isfinite(own.energy) and (
                    name not in lowest or own.energy < lowest[name].energy
                ):
                    lowest[name] = own
    return lowest


def _write(
    entries: list[Entry], journal: Journal[Entry, Relaxed], output: Path, molecules: Path
) -> dict[str, Any]:
    outcomes = {entry.smiles: journal.get(entry) for entry in entries}
    found = {name: one for name, one in outcomes.items() if isinstance(one, Relaxed)}
    failed = {name: str(one) for name, one in outcomes.items() if name not in found}
    for name, reason in failed.items():
        log.warning("%s: %s; left out", name, reason)
    if not found:
        raise InputError(
            f"{molecules}: no molecule was relaxed ({failed}), at least one is needed. "
            "Fix the list."
        )
    radicals = _lowest(found.values())
    with new_file(output) as file:
        for name, one in found.items():
            _write_one(file, name, MOLECULES, one.smiles, one.positions, 1)
        for name, radical in radicals.items():
            group = species_name(name, RADICAL)
            _write_one(file, group, FRAGMENTS, radical.smiles, radical.positions, RADICAL)
    return {"molecules": len(found), "radicals": len(radicals), "failed": failed}


def _write_one(
    file: Any,
    name: str,
    subset: str,
    smiles: str,
    positions: NDArray[np.float64],
    multiplicity: int,
) -> None:
    write_group(
        file,
        hdf5_name(name),
        smiles=smiles,
        subset=subset,
        numbers=molecule(smiles).atomic_numbers,
        positions=positions[None] / BOHR_ANG,
        more=electrons(charge=0, multiplicity=multiplicity),
    )
