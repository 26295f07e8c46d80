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

EV_KJ_MOL = 96.48533212331
"""One eV in kJ/mol (CODATA 2018: e N_A / 1000 J)."""

NM_ANG = 10.0
"""One nm in Å."""

EV_PER_ANG3_GPA = 160.2176634
"""One eV/Å^3 in GPa (CODATA 2018: e / 1e-30 m^3)."""

KBAR_EV_PER_ANG3 = 0.1 / EV_PER_ANG3_GPA
"""One kbar (0.1 GPa) in eV/Å^3."""
