"""Units: eV and Å inside, everything else is converted once, here.

Values are CODATA 2018 (the set PySCF and Psi4 use), so that SPICE's hartree and bohr round-trip.
"""

HARTREE_EV = 27.211386245988
"""One hartree in eV (CODATA 2018)."""

BOHR_ANG = 0.529177210903
"""One bohr in Å (CODATA 2018)."""

HARTREE_PER_BOHR_EV_PER_ANG = HARTREE_EV / BOHR_ANG
"""One hartree/bohr in eV/Å."""

EV_KCAL_MOL = 23.060547830619
"""One eV in kcal/mol (CODATA 2018: e N_A / 4184 J)."""

EV_MEV = 1000.0
"""One eV in meV."""
