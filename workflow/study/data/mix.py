"""Mix the stores of several datasets into one, their energies aligned on isolated atoms.

Total energy alignment (Shiota et al., arXiv:2412.13088) in the form that keeps the meaning of D: each
energy is shifted, element by element, by the difference of the isolated atoms of the two levels of
theory, so that binding energies stay what they were and the model's shift stays the isolated atom.
What is left between the levels of theory is measured, reported per element, and applied on request only.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from e3d import provenance, tables
from e3d.chemistry import FORMULA, Molecule, molecule, symbol, unnamed
from e3d.errors import InputError
from e3d.fields import Store as F
from e3d.store.group import Group
from e3d.store.reader import StoreReader
from e3d.store.writer import StoreWriter
from study.data.align import Residual, measure_residual

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    """One dataset of a mixture: its store and the share it has in every subset."""

    name: str
    store: Path
    share: float


def mix(parts: list[Part], output: Path, *, apply_residual: bool = False) -> pd.DataFrame:
    """Write the mixed store ``output`` and ``<output>.alignment.csv``; the first part's theory is the reference.

    Elements the first part does not have keep the isolated atom of the first part that has them.

    Parameters
    ----------
    apply_residual
        Also take the residual per element off the other parts' energies; their binding energies change.

    Returns
    -------
    The alignment: a row per part and element.

    Raises
    ------
    InputError
        If shares are not positive, a store is missing, a name comes twice, or there is only one part.
    """
    names = {part.name for part in parts}
    if (
        len(names) < 2
        or len(names) < len(parts)
        or not all(0 < part.share < np.inf for part in parts)
    ):
        raise InputError(
            f"mixture {[(part.name, part.share) for part in parts]}: needs at least two datasets with positive "
            "shares, each once. Fix `mix` of the dataset."
        )
    total = sum(part.share for part in parts)
    atoms: dict[int, float] = {}
    rows: list[pd.DataFrame] = []
    residuals: list[Residual | None] = []
    for index, part in enumerate(parts):
        with StoreReader(part.store) as reader:
            own = reader.isolated_atom_energy
            present = reader.elements
            residual = None
            if index:
                with StoreReader(parts[0].store) as first:
                    residual = measure_residual(first, reader)
                if apply_residual:
                    _warn_of_unknown(part, present, residual)
            for z in present:
                atoms.setdefault(z, own[z])
            residuals.append(residual)
            rows.append(
                _alignment(
                    part, reader, atoms, residual, applied=apply_residual and residual is not None
                )
            )
    facts = {"theory": _theory(parts[0]), "source": ", ".join(part.name for part in parts)}
    with StoreWriter(output, facts, atoms) as writer:
        for part, residual in zip(parts, residuals, strict=True):
            row = writer.part(part.name, part.share / total)
            with StoreReader(part.store) as reader:
                for group, parsed, intact, ionic in groups_of(reader):
                    moved = _aligned(
                        group,
                        reader.isolated_atom_energy,
                        atoms,
                        residual if apply_residual else None,
                    )
                    named = replace(moved, subset=f"{part.name}: {group.subset}")
                    writer.add(named, parsed, intact, ionic=ionic, part=row)
    table = pd.concat(rows, ignore_index=True)
    settings = {
        "shares": {part.name: part.share / total for part in parts},
        "apply_residual": apply_residual,
    }
    inputs = [part.store for part in parts]
    tables.write(
        table, output.with_name(output.name + ".alignment.csv"), inputs=inputs, settings=settings
    )
    provenance.record(output, inputs=inputs, settings=settings)
    return table


def _warn_of_unknown(part: Part, elements: list[int], residual: Residual | None) -> None:
    """Name the elements of a part whose energies stay as they are although the residual is to be applied."""
    unknown = [symbol(z) for z in elements if residual is None or z not in residual.elements]
    if unknown:
        log.warning(
            "%s: no residual known for %s, so none is taken off", part.name, ", ".join(unknown)
        )


def _theory(part: Part) -> str:
    with StoreReader(part.store) as reader:
        return str(reader.attributes["theory"])


def groups_of(reader: StoreReader) -> Iterator[tuple[Group, Molecule, NDArray[np.bool_], bool]]:
    """Yield a store's frames again, group by group: group, molecule, intact bonds (M,), whether it is ionic."""
    names = (
        F.SOURCE_INDEX,
        F.SUBSET,
        F.CHARGE,
        F.MULTIPLICITY,
        F.INTACT,
        F.IONIC,
        F.CELL,
        F.PBC,
        F.STRESS,
    )
    arrays: dict[F, NDArray[Any]] = {name: reader[name] for name in names if name in reader}
    subsets = reader.subset_names
    sizes = np.diff(reader.frame_ptr)
    alike = (F.SUBSET, F.CHARGE, F.MULTIPLICITY, F.IONIC)
    key = np.stack(
        [reader.group, reader.molecule, sizes, *(arrays[name] for name in alike)], axis=1
    )
    ends = np.flatnonzero((np.diff(key, axis=0) != 0).any(axis=1)) + 1
    for block in np.split(np.arange(len(reader)), ends):
        frames = [reader.frame(int(f)) for f in block]
        first = int(block[0])
        mapped = reader.group_smiles[int(reader.group[first])]
        charge, multiplicity = int(arrays[F.CHARGE][first]), int(arrays[F.MULTIPLICITY][first])
        numbers = frames[0].atomic_numbers.astype(np.int64)
        name = reader.molecule_smiles[int(reader.molecule[first])].removeprefix(FORMULA)
        parsed = (
            replace(molecule(mapped), charge=charge, multiplicity=multiplicity)
            if mapped
            else unnamed(name, numbers, charge, multiplicity)
        )
        group = Group(
            smiles=mapped,
            name=name,
            subset=subsets[int(arrays[F.SUBSET][first])],
            atomic_numbers=numbers,
            positions=np.stack([frame.positions for frame in frames]).astype(np.float64),
            energy=np.array([frame.energy for frame in frames]),
            forces=np.stack([frame.forces for frame in frames]).astype(np.float64),
            source_index=arrays[F.SOURCE_INDEX][block].astype(np.int64),
            cell=arrays[F.CELL][block] if F.CELL in arrays else None,
            pbc=arrays[F.PBC][block].astype(bool) if F.PBC in arrays else None,
            stress=arrays[F.STRESS][block].astype(np.float64) if F.STRESS in arrays else None,
        )
        yield group, parsed, arrays[F.INTACT][block].astype(bool), bool(arrays[F.IONIC][first])


def _aligned(
    group: Group,
    own: Mapping[int, float],
    reference: Mapping[int, float],
    residual: Residual | None,
) -> Group:
    offset = sum(reference[int(z)] - own[int(z)] for z in group.atomic_numbers)
    if residual is not None:
        left = dict(zip(residual.elements, residual.value.tolist(), strict=True))
        offset -= sum(left.get(int(z), 0.0) for z in group.atomic_numbers)
    return replace(group, energy=group.energy + offset)


def _alignment(
    part: Part,
    reader: StoreReader,
    atoms: Mapping[int, float],
    residual: Residual | None,
    *,
    applied: bool,
) -> pd.DataFrame:
    """Return a row per element of one part: offset of the isolated atoms and what remains."""
    own = reader.isolated_atom_energy
    rows = []
    for z in reader.elements:
        known = residual is not None and z in residual.elements
        k = residual.elements.index(z) if residual is not None and known else -1
        rows.append(
            {
                "dataset": part.name,
                "theory": reader.attributes["theory"],
                "element": symbol(z),
                "isolated_atom_energy_eV": own[z],
                "offset_eV": atoms[z] - own[z],
                "residual_eV_per_atom": residual.value[k]
                if residual is not None and known
                else np.nan,
                "residual_half_width_eV_per_atom": residual.half_width[k]
                if residual is not None and known
                else np.nan,
                "residual_from": "" if residual is None else residual.basis,
                "residual_frames": 0 if residual is None else residual.frames,
                "rms_before_eV_per_atom": np.nan if residual is None else residual.rms_before,
                "rms_after_eV_per_atom": np.nan if residual is None else residual.rms_after,
                "residual_applied": applied and known,
            }
        )
    return pd.DataFrame(rows)


def mix_stores(
    stores: list[Path], shares: list[tuple[str, float]], output: Path, apply_residual: bool
) -> None:
    """Mix stores, each with the name and the share that stands at its place."""
    if len(shares) != len(stores):
        raise InputError(
            f"--shares: {len(shares)} for {len(stores)} stores - one for each is needed, in the "
            "same order. Fix --shares."
        )
    parts = [Part(name, store, share) for (name, share), store in zip(shares, stores, strict=True)]
    mix(parts, output, apply_residual=apply_residual)
