"""Making data for E3D: sampling, labels by PySCF and tblite, references, reaction paths."""
