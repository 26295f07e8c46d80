"""Label geometries with energies, forces and bond orders, by a density functional or by GFN2-xTB."""
