"""Words and formulas of figures: molecules and bonds as chemists write them."""

import re
from typing import Final

from rdkit import Chem
from rdkit.Chem import rdMolDescriptors

from study.figures.drawing import bond_name

_SUBSCRIPTS: Final = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SUPERSCRIPTS: Final = str.maketrans("0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻")
_BONDS: Final = {
    Chem.BondType.SINGLE: "–",
    Chem.BondType.DOUBLE: "=",
    Chem.BondType.TRIPLE: "≡",
}


def named_bond(bond: str) -> str:
    """Return the name of a named bond as chemists write it, without its reaction in brackets.

    >>> named_bond("CH3-C2H5"), named_bond("HC#CH"), named_bond("OC=O (CO2->CO+O)")
    ('CH₃–C₂H₅', 'HC≡CH', 'OC=O')
    """
    return bond_name(_with_subscripts(bond.split(" (")[0]))


def formula(name: str) -> str:
    """Return the name of a bond that is stretched, or of a reaction, as chemists write it.

    >>> formula("H2CO -> H2 + CO"), formula("CH3-OH")
    ('H₂CO → H₂ + CO', 'CH₃–OH')
    """
    return re.sub(r"(?<=[\w)])-(?=[A-Z])", "–", _with_subscripts(name.replace("->", "→")))


def condensed(mol: Chem.Mol) -> str:
    """Return the condensed formula of a molecule with its hydrogens; of a ring, the sum formula.

    >>> condensed(Chem.AddHs(Chem.MolFromSmiles("C=CC")))
    'CH₂=CH–CH₃'
    >>> condensed(Chem.AddHs(Chem.MolFromSmiles("CC(C)C")))
    'CH₃–CH(CH₃)–CH₃'
    >>> condensed(Chem.AddHs(Chem.MolFromSmiles("c1ccccc1")))
    'C₆H₆'
    """
    heavy = Chem.RemoveHs(mol)
    Chem.Kekulize(heavy, clearAromaticFlags=True)
    ends = [atom for atom in heavy.GetAtoms() if atom.GetDegree() <= 1]
    # a chain is read from its carbon end: acetaldehyde is CH₃–CH=O
    ends.sort(key=lambda atom: (atom.GetSymbol() != "C", atom.GetIdx()))
    is_chain = heavy.GetRingInfo().NumRings() == 0 and len(Chem.GetMolFrags(heavy)) == 1
    if is_chain and (len(ends) > 1 or _before_hydrogen(ends[0])):
        return _from(ends[0], None)
    formula = rdMolDescriptors.CalcMolFormula(mol)
    neutral, charge = re.fullmatch(r"(.*?)([+-]\d*)?", formula).groups()  # type: ignore[union-attr]
    return _with_subscripts(neutral) + (charge or "").translate(_SUPERSCRIPTS)


def _before_hydrogen(atom: Chem.Atom) -> bool:
    """Say whether the hydride is written with hydrogen last: NH₃, but H₂O and HCl."""
    return bool(Chem.GetPeriodicTable().GetNOuterElecs(atom.GetAtomicNum()) in (3, 4, 5))


def _from(atom: Chem.Atom, last: int | None) -> str:
    """Return the formula of what hangs on an atom, but for the ``last`` atom before it."""
    n = atom.GetTotalNumHs()
    text = atom.GetSymbol() + (f"H{n if n > 1 else ''}" if n else "")
    charge = atom.GetFormalCharge()
    sign = f"{abs(charge) if abs(charge) > 1 else ''}{'+' if charge > 0 else '-'}" if charge else ""
    text = _with_subscripts(text) + sign.translate(_SUPERSCRIPTS)
    branches = [
        _BONDS.get(bond.GetBondType(), "–") + _from(bond.GetOtherAtom(atom), atom.GetIdx())
        for bond in atom.GetBonds()
        if bond.GetOtherAtomIdx(atom.GetIdx()) != last
    ]
    branches.sort(key=len)
    return text + "".join([*(f"({one.lstrip('–')})" for one in branches[:-1]), *branches[-1:]])


def _with_subscripts(formula: str) -> str:
    """Return a formula with its counts as subscripts."""
    return re.sub(r"(?<=[A-Za-z)])\d+", lambda count: count[0].translate(_SUBSCRIPTS), formula)
