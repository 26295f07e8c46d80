"""Lists of molecules to sample: one ``SMILES [name]`` a line, ``#`` begins a comment."""

import logging
import re
from dataclasses import dataclass
from pathlib import Path

from rdkit import Chem

from e3d.chemistry import canonical_smiles, parse
from e3d.errors import InputError

log = logging.getLogger(__name__)

_COMMENT = re.compile(r"(^|\s)#.*")  # a triple bond has no space before it
_EXTENSION = re.compile(r"\|[^|]*\|\s*")
_HARMLESS = re.compile(
    r"\|((ctu|[cta]|[&o]\d+|w[UD]?):[\d.,]+|\([^)]*\)|r|,)*\|\s*"  # stereochemistry, coordinates
)


@dataclass(frozen=True)
class Entry:
    """A molecule: canonical ``smiles`` and what its HDF5 ``group`` is called."""

    smiles: str
    group: str

    def __str__(self) -> str:
        """Return what messages call it."""
        return self.smiles


def read_molecules(path: Path) -> list[Entry]:
    """Read a list in its order; a molecule that is there twice counts once and is logged.

    Raises
    ------
    InputError
        For a missing or empty list, a SMILES that cannot be read, or one name for two molecules.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such list of molecules. Fix the path.")
    found: dict[str, Entry] = {}
    names: dict[str, int] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not a text file ({error.reason}). Write one SMILES a line."
        ) from None
    for row, line in enumerate(lines, start=1):
        smiles, *rest = _COMMENT.sub("", line).split(maxsplit=1) or [""]
        if not smiles:
            continue
        where = f"{path} line {row}"
        entry = _entry(smiles, _name(rest[0].strip() if rest else "", smiles, where), where)
        if entry.smiles in found:
            log.warning("%s line %d: %s was there before; counted once", path, row, smiles)
            continue
        if entry.group in names:
            raise InputError(
                f"{path} line {row}: {entry.group!r} names another molecule on line "
                f"{names[entry.group]} - every molecule needs a name of its own. "
                "Rename one of them, or leave the name out."
            )
        found[entry.smiles], names[entry.group] = entry, row
    if not found:
        raise InputError(f"{path}: holds no molecules - one SMILES a line is needed. Add some.")
    return list(found.values())


def require_neutral(smiles: str, where: str) -> None:
    """Refuse ions and open shells, where everything is computed as neutral and of closed shells.

    Raises
    ------
    InputError
        If the molecule is none; ``where`` it stands.

    Examples
    --------
    >>> require_neutral("[C-]#[O+]", "a list")
    """
    mol = parse(smiles)
    charge = Chem.GetFormalCharge(mol)
    unpaired = sum(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms())
    if charge or unpaired:
        raise InputError(
            f"{where}: {smiles} has charge {charge:+d} and multiplicity "
            f"{unpaired + 1} - expected a neutral molecule of closed shells, as which it "
            "would be computed. Leave it out."
        )


def _name(text: str, smiles: str, where: str) -> str:
    """Return what stands behind a SMILES, without an extension (CXSMILES) that changes nothing."""
    extension = _EXTENSION.match(text)
    if extension is None:
        return text
    if not _HARMLESS.fullmatch(extension[0]):
        raise InputError(
            f"{where}: {smiles} has the extension {extension[0].strip()}, which may make it "
            "another molecule - expected the SMILES alone. Write it out, as [CH3] for a radical."
        )
    return text[extension.end() :]


def _entry(smiles: str, name: str, where: str) -> Entry:
    try:
        canonical = canonical_smiles(Chem.AddHs(parse(smiles)))
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return Entry(canonical, hdf5_name(name or canonical))


def hdf5_name(name: str) -> str:
    """Return a name HDF5 takes: a slash (stereo bonds) would make a group within a group."""
    if "/" in name or not name.strip("."):
        return name.replace("/", "%2F").replace(".", "%2E")
    return name
