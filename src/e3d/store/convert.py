"""Turn a dataset's own file into a checked store, and say what was left out and why."""

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from e3d import provenance
from e3d.chemistry import Molecule, SmilesError, molecule, number, symbol, unnamed
from e3d.errors import InputError, absent, choices
from e3d.store.checks.gate import Gate
from e3d.store.checks.isolated import parts
from e3d.store.checks.levels import require_stated
from e3d.store.checks.plausibility import check_spin, require_ground_state
from e3d.store.duplicates import Duplicates
from e3d.store.group import Group, check_groups, select
from e3d.store.layouts import reader
from e3d.store.report import Report
from e3d.store.writer import StoreWriter
from e3d.theory import SPICE, ionic_only, theories
from e3d.units import HARTREE_EV

log = logging.getLogger(__name__)

DUPLICATE = "duplicates (same molecule, coordinates within 1e-4 Å)"
_FORMATION_TOLERANCE_EV = 1e-4 * HARTREE_EV
_OTHER_ATOM_EV = 0.1


def write_store(
    file: Path,
    output: Path,
    *,
    layout: str = "spice",
    theory: str = SPICE.name,
    isolated_atom_energy: Mapping[str, float] | None = None,
    isolated_atoms: Path | None = None,
    exclude_elements: Sequence[str] | None = None,
    include_ionic: bool = False,
    sha256: str = "",
) -> Report:
    """Read a dataset's ``file`` and write the store ``output`` and ``<output>.report.json``.

    Charged species and excluded elements are left out and counted: with one shift per element
    neither has a sum of bond energies that means an atomisation energy. Duplicates (same molecule,
    coordinates within 1e-4 Å) are dropped and counted; the first one stays. What cannot be right
    is refused, see :mod:`e3d.store.checks.gate`.

    Parameters
    ----------
    layout
        One of :data:`e3d.store.layouts.LAYOUTS`.
    theory
        Level of theory of the labels.
    isolated_atom_energy
        Energy (eV) of each neutral isolated atom; else from ``isolated_atoms``, else the theory's.
    isolated_atoms
        File in ``layout`` that holds isolated neutral atoms: the lowest energy of each element is
        taken; ions and crystals of one atom are left out.
    exclude_elements
        Elements whose frames are left out; None: those that the theory has as ions only.
    include_ionic
        Keep charged species, and by default every element. Their energies are relative to neutral
        atoms, and their frames are tested apart.
    sha256
        Expected checksum of ``file``; not checked if empty.

    Raises
    ------
    InputError
        For a file, group, label, theory or element that cannot be used (nothing is written then).
    """
    reader(layout)  # refuses one that is not known before anything is read
    if isolated_atom_energy is not None and isolated_atoms is not None:
        raise InputError(
            f"isolated atoms are given twice, as numbers and in {isolated_atoms} - one of the two "
            "is needed. Leave out --isolated-atom-energy or --isolated-atoms (a dataset's "
            "`isolated_atom_energy_eV` or `isolated_atoms`)."
        )
    if isolated_atom_energy is None:
        isolated_atom_energy = (
            _theory_atoms(theory)
            if isolated_atoms is None
            else _file_atoms(isolated_atoms, layout, theory)
        )
    if exclude_elements is None:
        exclude_elements = () if include_ionic else ionic_only(theory)
    atoms = {number(element): energy for element, energy in isolated_atom_energy.items()}
    _compare_atoms(theory, isolated_atom_energy)
    excluded = {symbol(number(element)) for element in exclude_elements}  # a typo excludes nothing
    kept = _Kept(theory, atoms, frozenset(excluded), include_ionic)
    facts = {"theory": theory, "source": file.name, "source_sha256": _checked_digest(file, sha256)}
    report = Report()
    with _naming(file), StoreWriter(output, facts, atoms) as writer:
        _fill(writer, _groups(file, layout, theory), kept, report)
        if writer.n_frames == 0:
            raise InputError(
                f"{file}: no usable frame; left out: {dict(report.frames_dropped) or 'nothing'}. "
                "Check the file and `exclude_elements` (--exclude-elements)."
            )
    log.info("%s: %s", output, report.as_dict())
    provenance.write_json(output.with_name(output.name + ".report.json"), report.as_dict())
    provenance.record(output, inputs=[file], settings={"layout": layout, "theory": theory})
    return report


def _theory_atoms(theory: str) -> Mapping[str, float]:
    if theory not in theories():
        raise InputError(
            f"theory {theory!r}: its isolated atoms are not known - {choices(theory, theories())}. "
            "Fix --theory, or give the energy of each isolated neutral atom in eV "
            "(--isolated-atom-energy, `isolated_atom_energy_eV` of the dataset) or a file of "
            "single atoms in the same layout (--isolated-atoms, `isolated_atoms`)."
        )
    return theories()[theory].isolated_atom_energy


def _groups(file: Path, layout: str, theory: str) -> Iterator[Group]:
    """Yield the groups of a file, checked, none of which says that it is of another theory."""
    return require_stated(check_groups(reader(layout)(file)), theory)


def _file_atoms(path: Path, layout: str, theory: str) -> dict[str, float]:
    """Return the lowest energy (eV) of every element that a file has a neutral isolated atom of."""
    found: dict[str, float] = {}
    multiplicities: dict[str, int | None] = {}
    left_out: set[str] = set()
    for group in _groups(path, layout, theory):
        if len(group.atomic_numbers) != 1 or not len(group.energy):
            continue
        element = symbol(int(group.atomic_numbers[0]))
        with _naming(path):
            charge = _charge(group)
        if charge:
            left_out.add(f"{element} of charge {charge:+d}")
            continue
        for part in parts(group):
            if part.cell is not None:
                left_out.add(f"crystals of {element}")
            elif len(part.energy):
                with _naming(path):
                    check_spin(part, 0)
                lowest = float(part.energy.min())
                if lowest < found.get(element, np.inf):
                    found[element], multiplicities[element] = lowest, part.multiplicity
    if not found:
        raise InputError(
            f"{path}: holds no single atom{', only ' * bool(left_out)}{_listed(left_out)} - "
            "`isolated_atoms` (--isolated-atoms) needs one of each element, neutral and isolated. "
            "Give another file."
        )
    with _naming(path):
        require_ground_state(multiplicities)
    if left_out:
        log.warning("%s: neutral isolated atoms count; left out: %s", path, _listed(left_out))
    return found


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))


def _charge(group: Group) -> int:
    """Return the net charge of a group; its own comes before that of its SMILES."""
    if group.charge is not None or not group.smiles:
        return group.charge or 0
    try:
        return molecule(group.smiles).charge
    except SmilesError as error:
        raise InputError(f"{error} Correct the SMILES of the single atom.") from None


def _compare_atoms(theory: str, given: Mapping[str, float]) -> None:
    """Warn where isolated atoms that were given are not those known of the level of theory."""
    known = theories()[theory].isolated_atom_energy if theory in theories() else {}
    apart = {e: energy - known[e] for e, energy in given.items() if e in known}
    other = {e: gap for e, gap in apart.items() if abs(gap) > _OTHER_ATOM_EV}
    if other:
        log.warning(
            "isolated atoms differ from those known at %s (eV): %s; name the labels' own level "
            "with --theory if it is another",
            theory,
            ", ".join(f"{element} {gap:+.3g}" for element, gap in sorted(other.items())),
        )


def _checked_digest(file: Path, expected: str) -> str:
    if not file.is_file():
        raise InputError(f"{file}: {absent(file)}. Fix the dataset's `path`, or fetch it first.")
    found = provenance.file_digest(file)
    if expected and found != expected.lower():
        raise InputError(
            f"{file}: SHA-256 is {found}, expected {expected}. The file is damaged or another "
            "version: fetch it again, or fix `sha256` of the dataset (--sha256)."
        )
    return found


@contextlib.contextmanager
def _naming(file: Path) -> Iterator[None]:
    """Put the file before an error that names only the molecule."""
    try:
        yield
    except InputError as error:
        message = str(error)
        raise InputError(message if str(file) in message else f"{file}: {message}") from None


@dataclass(frozen=True)
class _Kept:
    """What is kept: every element of ``atoms`` (eV by atomic number) but the excluded ones."""

    theory: str
    atoms: Mapping[int, float]
    excluded: frozenset[str]
    charged: bool


def _fill(writer: StoreWriter, groups: Iterator[Group], kept: _Kept, report: Report) -> None:
    """Write the usable conformations of every group that are no duplicates; count the others."""
    duplicates, gate = Duplicates(writer.written), Gate(kept.atoms, report)
    ions = set(ionic_only(kept.theory))
    for group in groups:
        report.frames_dropped.update(group.dropped)
        parsed = _usable(group, kept)
        if isinstance(parsed, str):
            report.frames_dropped[parsed] += max(len(group.energy), 1)
            continue
        _check_atoms(group, parsed, kept)
        group = gate.admit(group, parsed)
        if not len(group.energy):
            continue
        same = (writer.molecule_row(parsed), parsed.charge, parsed.multiplicity)
        structure = (group.atomic_numbers, group.positions, group.cell)
        try:
            fresh = duplicates.fresh(same, *structure, group.energy, group.forces, writer.n_frames)
        except InputError as error:
            raise InputError(f"{group.label}, {error}") from None
        if not fresh.all():
            report.frames_dropped[DUPLICATE] += int((~fresh).sum())
            group = select(group, fresh)
        intact = gate.measure(group, parsed)
        ionic = not ions.isdisjoint(map(symbol, group.atomic_numbers.tolist()))
        writer.add(group, parsed, intact, ionic=ionic or parsed.charge != 0)
        report.add(group, parsed, intact, kept.atoms, ionic=ionic)
    gate.finish()
    if duplicates.with_other_labels:
        log.warning(
            "%d duplicates of crystals or single atoms have other energies or forces than the "
            "frames that stay, as other magnetic orders or states have",
            duplicates.with_other_labels,
        )


def _usable(group: Group, kept: _Kept) -> Molecule | str:
    """Return the parsed molecule, or why its frames are left out."""
    if not len(group.energy):
        return "groups without conformations"
    excluded = sorted(kept.excluded.intersection(map(symbol, group.atomic_numbers.tolist())))
    if excluded:
        ions = set(excluded).intersection(ionic_only(kept.theory))
        why = "no neutral atom reference" if ions else "excluded"
        return f"element {', '.join(sorted(ions) or excluded)} ({why})"
    try:
        parsed = _parsed(group)
    except SmilesError as error:
        log.warning("left out: %s", error)
        return "SMILES that cannot be read"
    if parsed.atomic_numbers != tuple(group.atomic_numbers.tolist()):
        raise InputError(
            f"{group.smiles}: atomic_numbers {group.atomic_numbers.tolist()} do not follow the map "
            f"numbers ({list(parsed.atomic_numbers)}). Map number k must name row k-1: "
            "fix the group."
        )
    if parsed.charge != 0 and not kept.charged:
        return "charged species (one shift per element cannot hold both)"
    return parsed


def _parsed(group: Group) -> Molecule:
    """Return what the SMILES says; the group's own charge and spin come first."""
    if not group.smiles:
        return unnamed(group.name, group.atomic_numbers, group.charge or 0, group.multiplicity or 1)
    parsed = molecule(group.smiles)
    charge = parsed.charge if group.charge is None else group.charge
    multiplicity = parsed.multiplicity if group.multiplicity is None else group.multiplicity
    return replace(parsed, charge=charge, multiplicity=multiplicity)


def _check_atoms(group: Group, parsed: Molecule, kept: _Kept) -> None:
    """Refuse elements without an isolated atom, and formation energies relative to other atoms."""
    unknown = sorted({symbol(z) for z in parsed.atomic_numbers if z not in kept.atoms})
    if unknown:
        raise InputError(
            f"{group.label}: no isolated-atom energy of {', '.join(unknown)} at {kept.theory}; "
            f"known: {', '.join(symbol(z) for z in sorted(kept.atoms))}. Add it to "
            "`isolated_atom_energy_eV` of the dataset (--isolated-atom-energy), or the element to "
            "`exclude_elements` (--exclude-elements)."
        )
    if group.formation_energy is None or parsed.charge:  # that of an ion is relative to ions
        return
    ours = group.energy - sum(kept.atoms[z] for z in parsed.atomic_numbers)
    worst = float(np.abs(group.formation_energy - ours).max())
    allowed = _FORMATION_TOLERANCE_EV
    if group.cell is not None:  # stated for an atom, of which there are any number
        allowed *= len(group.atomic_numbers)
    if not worst <= allowed:  # nor if it is not a number
        raise InputError(
            f"{group.label}: the energy relative to isolated atoms that the file states is "
            f"{worst:.2g} eV away from the energy minus isolated atoms, allowed {allowed:.2g} "
            "(formation_energy, atomization_energy, cohesive_energy_per_atom). It is wrong, or "
            "from another level of theory: fix `theory` of the dataset (--theory) or its "
            "`isolated_atom_energy_eV` (--isolated-atom-energy)."
        )
