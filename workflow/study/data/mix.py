"""Mix the stores of several datasets into one, their energies aligned on isolated atoms.

Total energy alignment (Shiota et al., arXiv:2412.13088) in the form that keeps the meaning of D:
each energy is shifted, element by element, by the difference of the isolated atoms of the two
levels of theory, so that binding energies stay what they were and the model's shift stays the
isolated atom. What is left between the levels of theory is measured, reported per element, and
applied on request only.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from e3d import provenance, tables
from e3d.arrays import Masks
from e3d.chemistry import FORMULA, Molecule, molecule, symbol, unnamed
from e3d.errors import InputError
from e3d.fields import Store as F
from e3d.store.group import Group
from e3d.store.reader import ATOMS_ATTRIBUTE, StoreReader
from e3d.store.writer import StoreWriter
from study.data.align import Residual, measure_residual

log = logging.getLogger(__name__)


def write_mixture(
    stores: Sequence[Path],
    shares: Sequence[tuple[str, float]],
    output: Path,
    apply_residual: bool = False,
) -> pd.DataFrame:
    """Write a mixed store and ``<output>.alignment.csv``.

    The first store's level of theory is the reference. Elements that it lacks keep the isolated
    atom of the first store that has them.

    Parameters
    ----------
    stores
        Stores of the datasets.
    shares
        Name of each dataset, and the share of every subset that is from it.
    output
        The mixed store.
    apply_residual
        Also take the residual per element off the energies of all datasets but the first; their
        binding energies change.

    Returns
    -------
    pd.DataFrame
        The alignment: a row per dataset and element.

    Raises
    ------
    InputError
        If a store is missing, there is only one, a share is not positive, or a name comes twice.
    """
    parts = _normalised(stores, shares)
    atoms: dict[int, float] = {}
    residuals: list[Residual | None] = []
    rows: list[dict[str, Any]] = []
    contents: list[str] = []
    with StoreReader(stores[0]) as first:
        theory = str(first.attributes["theory"])
        for name, store in zip(parts, stores, strict=True):
            with StoreReader(store) as reader:
                _require_no_mixture(reader)
                residual = measure_residual(first, reader) if residuals else None
                if residuals and apply_residual:
                    _warn_of_unknown(name, reader.elements, residual)
                for z in reader.elements:
                    atoms.setdefault(z, reader.isolated_atom_energy[z])
                rows += _alignment(name, reader, atoms, residual, applied=apply_residual)
                residuals.append(residual)
                if reader.content in contents:
                    same = stores[contents.index(reader.content)]
                    log.warning("%s holds what %s does: its frames are there twice", store, same)
                contents.append(reader.content)
    facts = {"theory": theory, "source": ", ".join(parts), "source_content": ", ".join(contents)}
    with StoreWriter(output, facts, atoms) as writer:
        for name, store, residual in zip(parts, stores, residuals, strict=True):
            row = writer.part(name, parts[name])
            with StoreReader(store) as reader:
                taken_off = residual if apply_residual else None
                for group, parsed, intact, ionic in groups_of(reader):
                    moved = _aligned(group, reader.isolated_atom_energy, atoms, taken_off)
                    named = replace(moved, subset=f"{name}: {group.subset}")
                    writer.add(named, parsed, intact, ionic=ionic, part=row)
    table = pd.DataFrame(rows)
    settings = {"shares": parts, "apply_residual": apply_residual}
    beside = output.with_name(output.name + ".alignment.csv")
    tables.write(table, beside, inputs=stores, settings=settings)
    provenance.record(output, inputs=stores, settings=settings)
    return table


def _aligned(
    group: Group,
    own: Mapping[int, float],
    atoms: Mapping[int, float],
    residual: Residual | None,
) -> Group:
    """Return a group with the isolated atoms of the mixture, less the residual of its elements.

    ``own`` and ``atoms`` hold the energies of isolated atoms (eV): the dataset's, the mixture's.
    """
    left: dict[int, float] = {}
    if residual is not None:
        left = dict(zip(residual.elements, residual.value.tolist(), strict=True))
    elements = group.atomic_numbers.tolist()
    offset = sum(atoms[z] - own[z] for z in elements)
    moved = group.energy + (offset - sum(left.get(z, 0.0) for z in elements))
    return replace(group, energy=moved)


def _require_no_mixture(reader: StoreReader) -> None:
    if reader.parts:
        raise InputError(
            f"{reader.path}: is a mixture of {', '.join(reader.parts)} - a mixture is of datasets "
            "read from files. Mix these with the others in one go."
        )


def _normalised(stores: Sequence[Path], shares: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Return the share of each dataset by its name; the sum is 1."""
    if len(shares) != len(stores):
        raise InputError(
            f"--shares: {len(shares)} for {len(stores)} stores - one for each is needed, in the "
            "same order. Fix --shares."
        )
    parts = dict(shares)
    if len(parts) < max(2, len(shares)) or not all(0 < share < np.inf for share in parts.values()):
        raise InputError(
            f"mixture {list(shares)}: needs at least two datasets with positive shares, each once. "
            "Fix `mix` of the dataset."
        )
    total = sum(parts.values())
    return {name: share / total for name, share in parts.items()}


def _warn_of_unknown(name: str, elements: list[int], residual: Residual | None) -> None:
    """Name the elements whose energies stay as they are although the residual is to be applied."""
    unknown = [symbol(z) for z in elements if residual is None or z not in residual.elements]
    if unknown:
        log.warning("%s: no residual known for %s, so none is taken off", name, ", ".join(unknown))


def groups_of(reader: StoreReader) -> Iterator[tuple[Group, Molecule, Masks, bool]]:
    """Yield a store's frames again, group by group.

    Yields
    ------
    group
        M frames of one molecule.
    molecule
        The molecule.
    intact
        (M,), whether the geometry has exactly its bonds.
    ionic
        Whether the frames are charged or hold an element known as ions only.
    """
    alike = (F.SUBSET, F.CHARGE, F.MULTIPLICITY, F.IONIC)
    sizes = np.diff(reader.frame_ptr)
    key = [reader.group, reader.molecule, sizes, *(reader[name] for name in alike)]
    ends = np.flatnonzero((np.diff(np.stack(key, axis=1), axis=0) != 0).any(axis=1)) + 1
    subsets = reader.subset_names
    for block in np.split(np.arange(len(reader)), ends):
        shape = (len(block), int(sizes[block[0]]))
        of_frames = {
            name: reader.gather(name, block)
            for name in (F.ENERGY, F.SOURCE_INDEX, F.INTACT, F.CELL, F.PBC, F.STRESS, *alike)
            if name in reader
        }
        subset, charge, multiplicity, ionic = (int(of_frames[name][0]) for name in alike)
        numbers = reader.gather(F.ATOMIC_NUMBERS, block[:1]).astype(np.int64)
        mapped = reader.group_smiles[int(reader.group[block[0]])]
        name = reader.molecule_smiles[int(reader.molecule[block[0]])].removeprefix(FORMULA)
        parsed = (
            replace(molecule(mapped), charge=charge, multiplicity=multiplicity)
            if mapped
            else unnamed(name, numbers, charge, multiplicity)
        )
        group = Group(
            smiles=mapped,
            name=name,
            subset=subsets[subset],
            atomic_numbers=numbers,
            positions=reader.gather(F.POSITIONS, block).reshape(*shape, 3).astype(np.float64),
            energy=of_frames[F.ENERGY],
            forces=reader.gather(F.FORCES, block).reshape(*shape, 3).astype(np.float64),
            source_index=of_frames[F.SOURCE_INDEX].astype(np.int64),
            cell=of_frames.get(F.CELL),
            pbc=of_frames[F.PBC].astype(bool) if F.PBC in of_frames else None,
            stress=of_frames[F.STRESS].astype(np.float64) if F.STRESS in of_frames else None,
        )
        yield group, parsed, of_frames[F.INTACT].astype(bool), bool(ionic)


def _alignment(
    name: str,
    reader: StoreReader,
    atoms: Mapping[int, float],
    residual: Residual | None,
    *,
    applied: bool,
) -> Iterator[dict[str, Any]]:
    """Yield a row per element of a dataset: offset of the isolated atoms and what remains."""
    own = reader.isolated_atom_energy
    known = residual.elements if residual is not None else ()
    for z in reader.elements:
        value = half_width = np.nan
        if residual is not None and z in known:
            k = known.index(z)
            value, half_width = residual.value[k], residual.half_width[k]
        yield {
            "dataset": name,
            "theory": reader.attributes["theory"],
            "element": symbol(z),
            ATOMS_ATTRIBUTE: own[z],
            "offset_eV": atoms[z] - own[z],
            "residual_eV_per_atom": value,
            "residual_half_width_eV_per_atom": half_width,
            "residual_from": "" if residual is None else residual.basis,
            "residual_frames": 0 if residual is None else residual.frames,
            "rms_before_eV_per_atom": np.nan if residual is None else residual.rms_before,
            "rms_after_eV_per_atom": np.nan if residual is None else residual.rms_after,
            "residual_applied": applied and z in known,
        }
