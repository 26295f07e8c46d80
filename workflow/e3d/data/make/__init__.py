"""Make data: sample conformations, label them, relax, collect references. Needs the ``labels`` extra."""
