"""The ``train`` stage: render nequip's config from ours, run ``nequip-train``, keep the evidence."""
