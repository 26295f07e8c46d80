"""Open files of other people: HDF5, JSON read piece by piece, gzip."""
