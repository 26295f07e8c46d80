"""Turn a dataset's own file into a checked store, and say what was dropped and why."""

import contextlib
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from e3d import provenance
from e3d.chemistry import Molecule, SmilesError, bonds_intact, molecule, number, symbol
from e3d.data.group import Group, check_groups
from e3d.data.layouts import LAYOUTS, reader
from e3d.data.store import StoreWriter
from e3d.data.theory import IONIC_ONLY, SPICE, THEORIES
from e3d.errors import InputError, choices

log = logging.getLogger(__name__)


@dataclass
class Report:
    """What went into a store and what did not; counts are frames."""

    frames: int = 0
    groups: int = 0
    molecules: set[str] = field(default_factory=set)
    elements: Counter[str] = field(default_factory=Counter)
    subsets: Counter[str] = field(default_factory=Counter)
    broken_bonds: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    binding_energy_eV: list[float] = field(default_factory=lambda: [np.inf, -np.inf])
    force_max_eV_per_ang: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers and strings, for JSON."""
        return {
            "frames": self.frames,
            "groups": self.groups,
            "molecules": len(self.molecules),
            "atoms_by_element": dict(sorted(self.elements.items())),
            "frames_by_subset": dict(sorted(self.subsets.items())),
            "frames_with_changed_bonds": self.broken_bonds,
            "frames_dropped": dict(sorted(self.dropped.items())),
            "binding_energy_eV": self.binding_energy_eV,
            "force_component_max_eV_per_ang": self.force_max_eV_per_ang,
        }


def read_entry(source: Path, output: Path, entry: Mapping[str, Any]) -> Report:
    """Read ``source`` as an entry of ``config/datasets.yaml`` describes it (layout, theory, ...).

    ``layout`` defaults to spice, ``theory`` to SPICE's own.

    Raises
    ------
    InputError
        If the isolated atoms of the theory are not known, or as :func:`read_dataset`.
    """
    theory = str(entry.get("theory", SPICE.name))
    atoms = entry.get("isolated_atom_energy_eV")
    if atoms is None and theory not in THEORIES:
        raise InputError(
            f"theory {theory!r}: its isolated atoms are not known - {choices(theory, THEORIES)}. Give the "
            "dataset `isolated_atom_energy_eV`, the energy of each isolated neutral atom in eV."
        )
    return read_dataset(
        source,
        output,
        layout=str(entry.get("layout", "spice")),
        theory=theory,
        isolated_atom_energy=atoms or THEORIES[theory].isolated_atom_energy,
        exclude_elements=tuple(entry.get("exclude_elements", IONIC_ONLY)),
        sha256=entry.get("sha256"),
    )


def read_dataset(
    source: Path,
    output: Path,
    *,
    layout: str,
    theory: str,
    isolated_atom_energy: Mapping[str, float],
    exclude_elements: tuple[str, ...] = IONIC_ONLY,
    sha256: str | None = None,
) -> Report:
    """Read ``source`` in ``layout`` and write the store ``output`` and ``<output>.report.json``.

    Charged species and ``exclude_elements`` are left out and counted: with one shift per element
    neither has a sum of bond energies that means an atomisation energy.

    Parameters
    ----------
    isolated_atom_energy
        eV by element, at ``theory``.
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
        for group in check_groups(reader(layout)(source, atoms)):
            parsed = _usable(group, exclude_elements, report)
            if parsed is not None:
                _require_atoms(group, atoms, theory)
                intact = bonds_intact(group.positions, group.atomic_numbers, parsed.bond_index)
                writer.add(group, parsed, intact)
                _count(report, group, parsed.smiles, atoms)
                report.broken_bonds += int((~intact).sum())
        if writer.n_frames == 0:
            raise InputError(
                f"{source}: no usable frame; left out: {dict(report.dropped) or 'nothing'}. "
                "Check the file and `exclude_elements`."
            )
    log.info("%s: %s", output, report.as_dict())
    provenance.write_json(output.with_name(output.name + ".report.json"), report.as_dict())
    provenance.record(output, inputs=[source], settings={"layout": layout, "theory": theory})
    return report


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


def _usable(group: Group, exclude_elements: tuple[str, ...], report: Report) -> Molecule | None:
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
        parsed = molecule(group.smiles)
    except SmilesError as error:
        log.warning("left out: %s", error)
        report.dropped["SMILES that cannot be read"] += frames
        return None
    if parsed.atomic_numbers != tuple(int(z) for z in group.atomic_numbers):
        raise InputError(
            f"{group.smiles}: atomic_numbers {list(map(int, group.atomic_numbers))} do not follow the map "
            f"numbers ({list(parsed.atomic_numbers)}). Map number k must name row k-1: fix the group."
        )
    if parsed.charge != 0:
        report.dropped["charged species (one shift per element cannot hold both)"] += frames
        return None
    return parsed


def _require_atoms(group: Group, atoms: Mapping[int, float], theory: str) -> None:
    unknown = sorted({symbol(int(z)) for z in group.atomic_numbers if int(z) not in atoms})
    if unknown:
        raise InputError(
            f"{group.smiles}: no isolated-atom energy of {', '.join(unknown)} at {theory}; known: "
            f"{', '.join(symbol(z) for z in sorted(atoms))}. Add it to the dataset's `isolated_atom_energy_eV` "
            "or the element to its `exclude_elements`."
        )


def _count(report: Report, group: Group, smiles: str, atoms: Mapping[int, float]) -> None:
    frames = len(group.energy)
    binding = group.energy - sum(atoms[int(z)] for z in group.atomic_numbers)
    report.frames += frames
    report.groups += 1
    report.molecules.add(smiles)
    for z in group.atomic_numbers:
        report.elements[symbol(int(z))] += frames
    report.subsets[group.subset] += frames
    low, high = report.binding_energy_eV
    report.binding_energy_eV = [min(low, float(binding.min())), max(high, float(binding.max()))]
    report.force_max_eV_per_ang = max(report.force_max_eV_per_ang, float(np.abs(group.forces).max()))
