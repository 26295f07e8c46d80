"""What a key states of charge or spin, in the spellings that programs and people use.

``spin`` and ``total_spin`` may be 2S+1 or 2S: :mod:`e3d.store.layouts.charge_and_spin`.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal, TypeAlias

Meaning: TypeAlias = Literal[
    "charge", "multiplicity", "spin", "unpaired", "electrons", "of atoms", "ion", "unknown"
]

_KNOWN: Final[Mapping[str, Meaning]] = {
    **dict.fromkeys(
        ("charge", "totalcharge", "totcharge", "netcharge", "q", "molcharge"), "charge"
    ),
    **dict.fromkeys(("formalcharge", "totalformalcharge", "moleculecharge"), "charge"),
    **dict.fromkeys(("molecularcharge", "systemcharge", "chargetotal", "chargetot"), "charge"),
    **dict.fromkeys(("chg", "chrg", "totalchg", "totalchrg"), "charge"),
    **dict.fromkeys(("multiplicity", "spinmultiplicity", "mult", "spinmult"), "multiplicity"),
    **dict.fromkeys(("totalmultiplicity", "molecularmultiplicity", "2s+1"), "multiplicity"),
    **dict.fromkeys(("multiplicities", "spinmultiplicities"), "multiplicity"),
    **dict.fromkeys(("spin", "totalspin", "totspin", "netspin"), "spin"),
    **dict.fromkeys(("uhf", "unpaired", "nunpaired", "numunpaired", "2s", "twos"), "unpaired"),
    **dict.fromkeys(("unpairedelectrons", "nunpairedelectrons"), "unpaired"),
    "numunpairedelectrons": "unpaired",
    **dict.fromkeys(("qtot", "qtotal", "totq", "totalq", "netq", "qnet"), "charge"),
    **dict.fromkeys(("initialcharges", "formalcharges", "charges"), "of atoms"),
    **dict.fromkeys(("charged", "ischarged", "ion", "anion", "cation", "isanion"), "ion"),
    **dict.fromkeys(("iscation", "ision", "dianion", "dication"), "ion"),
}
_ELECTRONS: Final = re.compile(
    "(n|nr|no|num|number|numberof)elec(t|trons?)?|(tot|total|totalnumberof)?electrons?"
)
_SUSPECT: Final = re.compile("charge|spin|multiplic|unpaired|^n(um|elec)?_?(alpha|beta)$")
_SUSPECT_WORD: Final = re.compile("(^|_)(chr?g|chgs|mult)(_|$)")
_HARMLESS: Final = re.compile(
    "unit|method|model|scheme|energ|gap|densit|dipole|transfer|orbit|square|contamination|polari|"
    "spinpol|partial|moment|nspin|ispin|population|mulliken|hirshfeld|mbis|cm5|bader|lowdin|"
    "(^|_)(type|source|atomic|min|max|mean|avg|rms|std|r?esp|pol)(_|$)"
)
"""Words in keys that hold a charge of atoms, a setting or a property, not the total charge."""


@lru_cache(maxsize=1000)
def meaning(key: str) -> Meaning | None:
    """Return what a key states of charge or spin, None if nothing.

    >>> meaning("total_charge"), meaning("Spin-Multiplicity"), meaning("mulliken_charges")
    ('charge', 'multiplicity', None)
    >>> meaning("charge_state")
    'unknown'
    """
    words = re.sub(r"[\-. ]|(?<=[a-z])(?=[A-Z])", "_", key).casefold()
    plain = words.replace("_", "")
    if plain in _KNOWN:
        return _KNOWN[plain]
    if _ELECTRONS.fullmatch(plain):
        return "electrons"
    suspect = _SUSPECT.search(plain) or _SUSPECT_WORD.search(words)
    return "unknown" if suspect and not _HARMLESS.search(words) else None
