"""Turn a dataset's own file into a checked store, and say what was dropped and why."""

import contextlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from e3d import provenance
from e3d.chemistry import Molecule, SmilesError, bonds_intact, molecule, number, symbol, unnamed
from e3d.errors import InputError, choices
from e3d.store.duplicates import Duplicates
from e3d.store.group import Group, check_groups, select
from e3d.store.layouts import LAYOUTS, reader
from e3d.store.report import Report
from e3d.store.writer import StoreWriter
from e3d.theory import SPICE, THEORIES, ionic_only

log = logging.getLogger(__name__)

DUPLICATE = "duplicates (same molecule, coordinates within 1e-4 Å)"


def read_entry(source: Path, output: Path, entry: Mapping[str, Any]) -> Report:
    """Read ``source`` as an entry of ``config/datasets.yaml`` describes it (layout, theory, ...).

    ``layout`` defaults to spice, ``theory`` to SPICE's own.

    Raises
    ------
    InputError
        If the isolated atoms of the theory are not known, or as :func:`read_dataset`.
    """
    theory, layout = str(entry.get("theory", SPICE.name)), str(entry.get("layout", "spice"))
    include_ionic = bool(entry.get("include_ionic"))
    return read_dataset(
        source,
        output,
        layout=layout,
        theory=theory,
        isolated_atom_energy=_isolated_atoms(entry, theory, layout),
        exclude_elements=tuple(
            entry.get("exclude_elements", () if include_ionic else ionic_only(theory))
        ),
        include_charged=include_ionic,
        sha256=entry.get("sha256"),
    )


def _isolated_atoms(entry: Mapping[str, Any], theory: str, layout: str) -> Mapping[str, float]:
    """Return the energy (eV) of each isolated atom: the entry's own, those of its file, or the theory's."""
    if "isolated_atom_energy_eV" in entry:
        found: Mapping[str, float] = entry["isolated_atom_energy_eV"]
        return found
    if "isolated_atoms" in entry:
        return _atoms_in(Path(entry["isolated_atoms"]), layout)
    if theory not in THEORIES:
        raise InputError(
            f"theory {theory!r}: its isolated atoms are not known - {choices(theory, THEORIES)}. Give the dataset "
            "`isolated_atom_energy_eV`, the energy of each isolated neutral atom in eV, or `isolated_atoms`, a file "
            "of single atoms in its layout."
        )
    return THEORIES[theory].isolated_atom_energy


def _atoms_in(path: Path, layout: str) -> dict[str, float]:
    """Return the lowest energy (eV) of every element that a file in ``layout`` has a single atom of."""
    found: dict[str, float] = {}
    for group in check_groups(reader(layout)(path, {})):
        if len(group.atomic_numbers) == 1 and len(group.energy):
            element = symbol(int(group.atomic_numbers[0]))
            found[element] = min(found.get(element, np.inf), float(group.energy.min()))
    if not found:
        raise InputError(
            f"{path}: holds no single atom, which `isolated_atoms` is for. Give another file."
        )
    return found


def read_dataset(
    source: Path,
    output: Path,
    *,
    layout: str,
    theory: str,
    isolated_atom_energy: Mapping[str, float],
    exclude_elements: tuple[str, ...] = (),
    include_charged: bool = False,
    sha256: str | None = None,
) -> Report:
    """Read ``source`` in ``layout`` and write the store ``output`` and ``<output>.report.json``.

    Charged species and ``exclude_elements`` are left out and counted: with one shift per element
    neither has a sum of bond energies that means an atomisation energy. Duplicates (same molecule,
    coordinates within 1e-4 Å) are dropped and counted; the first one stays.

    Parameters
    ----------
    isolated_atom_energy
        eV by element, at ``theory``.
    include_charged
        Keep charged species; their total energies are then those of the neutral atoms plus what it
        takes to charge them, and their frames are tested apart.
    sha256
        Expected checksum of ``source``; not checked if None.

    Raises
    ------
    InputError
        For a file, group, label or element that cannot be used (nothing is written then).
    """
    if layout not in LAYOUTS:
        raise InputError(
            f"layout {layout!r} is not one this package reads - {choices(layout, LAYOUTS)}. "
            "Set `layout` of the dataset."
        )
    found = _checked_digest(source, sha256)
    atoms = {number(element): energy for element, energy in isolated_atom_energy.items()}
    for element in exclude_elements:
        number(element)  # a misspelt symbol would silently exclude nothing
    report = Report()
    facts = {"theory": theory, "source": source.name, "source_sha256": found}
    with _naming(source), StoreWriter(output, facts, atoms) as writer:
        duplicates = Duplicates(writer.written)
        for group in check_groups(reader(layout)(source, atoms)):
            report.dropped.update(group.dropped)
            parsed = _usable(group, exclude_elements, report, include_charged=include_charged)
            if parsed is not None:
                _require_atoms(group, atoms, theory)
                _add(writer, duplicates, group, parsed, atoms, report, ionic_only(theory))
        if writer.n_frames == 0:
            raise InputError(
                f"{source}: no usable frame; left out: {dict(report.dropped) or 'nothing'}. "
                "Check the file and `exclude_elements`."
            )
    log.info("%s: %s", output, report.as_dict())
    provenance.write_json(output.with_name(output.name + ".report.json"), report.as_dict())
    provenance.record(output, inputs=[source], settings={"layout": layout, "theory": theory})
    return report


def _add(
    writer: StoreWriter,
    duplicates: Duplicates,
    group: Group,
    parsed: Molecule,
    atoms: Mapping[int, float],
    report: Report,
    ionic_elements: tuple[str, ...],
) -> None:
    """Write the conformations of a group that are no duplicates, and count both."""
    same = (writer.molecule_row(parsed), parsed.charge, parsed.multiplicity)
    fresh = duplicates.fresh(
        same, group.atomic_numbers, group.positions, group.cell, writer.n_frames
    )
    if not fresh.all():
        report.dropped[DUPLICATE] += int((~fresh).sum())
        group = select(group, fresh)
    intact = np.ones(
        len(group.energy), dtype=bool
    )  # without a SMILES there are no bonds to compare with
    if group.smiles:
        intact = bonds_intact(group.positions, group.atomic_numbers, parsed.bond_index)
    ionic = any(symbol(int(z)) in ionic_elements for z in group.atomic_numbers)
    writer.add(group, parsed, intact, ionic=ionic or parsed.charge != 0)
    report.add(group, parsed, intact, atoms, ionic=ionic)


@contextlib.contextmanager
def _naming(source: Path) -> Iterator[None]:
    """Put the file before an error that names only the molecule."""
    try:
        yield
    except InputError as error:
        message = str(error)
        raise InputError(message if str(source) in message else f"{source}: {message}") from None


def _checked_digest(source: Path, expected: str | None) -> str:
    if not source.is_file():
        raise InputError(f"{source}: no such file. Fix the dataset's `path`, or fetch it first.")
    found = provenance.file_digest(source)
    if expected is not None and found != expected:
        raise InputError(
            f"{source}: SHA-256 is {found}, expected {expected}. The file is damaged or another "
            "version: fetch it again, or set the dataset's `sha256`."
        )
    return found


def _usable(
    group: Group, exclude_elements: tuple[str, ...], report: Report, *, include_charged: bool
) -> Molecule | None:
    """Return the parsed molecule, or None after counting why its frames are left out."""
    frames = len(group.energy)
    if frames == 0:
        report.dropped["groups without conformations"] += 1
        return None
    excluded = sorted({symbol(int(z)) for z in group.atomic_numbers} & set(exclude_elements))
    if excluded:
        report.dropped[f"element {', '.join(excluded)} (no neutral atom reference)"] += frames
        return None
    try:
        parsed = _parsed(group)
    except SmilesError as error:
        log.warning("left out: %s", error)
        report.dropped["SMILES that cannot be read"] += frames
        return None
    if parsed.atomic_numbers != tuple(int(z) for z in group.atomic_numbers):
        raise InputError(
            f"{group.smiles}: atomic_numbers {list(map(int, group.atomic_numbers))} do not follow the map "
            f"numbers ({list(parsed.atomic_numbers)}). Map number k must name row k-1: fix the group."
        )
    if parsed.charge != 0 and not include_charged:
        report.dropped["charged species (one shift per element cannot hold both)"] += frames
        return None
    return parsed


def _parsed(group: Group) -> Molecule:
    """Return what the SMILES says; charge and spin of the group come before it where they are given."""
    if not group.smiles:
        return unnamed(group.name, group.atomic_numbers, group.charge or 0, group.multiplicity or 1)
    parsed = molecule(group.smiles)
    charge = parsed.charge if group.charge is None else group.charge
    multiplicity = parsed.multiplicity if group.multiplicity is None else group.multiplicity
    return replace(parsed, charge=charge, multiplicity=multiplicity)


def _require_atoms(group: Group, atoms: Mapping[int, float], theory: str) -> None:
    unknown = sorted({symbol(int(z)) for z in group.atomic_numbers if int(z) not in atoms})
    if unknown:
        raise InputError(
            f"{group.label}: no isolated-atom energy of {', '.join(unknown)} at {theory}; known: "
            f"{', '.join(symbol(z) for z in sorted(atoms))}. Add it to the dataset's `isolated_atom_energy_eV` "
            "or the element to its `exclude_elements`."
        )


def read_file(
    file: Path,
    output: Path,
    layout: str,
    theory: str,
    isolated_atom_energy: list[tuple[str, float]] | None,
    isolated_atoms: Path | None,
    exclude_elements: list[str] | None,
    include_ionic: bool,
    sha256: str,
) -> None:
    """Read one file into a store, as the options of ``e3d data read`` say."""
    entry: dict[str, Any] = {
        "layout": layout,
        "theory": theory,
        "include_ionic": include_ionic,
        "sha256": sha256 or None,
    }
    if isolated_atom_energy:
        entry["isolated_atom_energy_eV"] = dict(isolated_atom_energy)
    if isolated_atoms is not None:
        entry["isolated_atoms"] = str(isolated_atoms)
    if exclude_elements is not None:
        entry["exclude_elements"] = exclude_elements
    read_entry(file, output, entry)
