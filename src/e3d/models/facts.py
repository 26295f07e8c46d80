"""What a model is, in words and numbers for a report, read from the modules of its network."""

from typing import Any

from e3d.models.edge_terms import Readout

Facts = dict[str, str | int | float]


def network_facts(graph_model: Any, network: Any, readout: Readout) -> Facts:
    """Return the facts that a network itself shows.

    They are the dtype it was built in, its cutoff (Å), degree, layers and features, its number of
    trainable weights, the mean number of neighbours it divides by, the pair potentials beside it,
    and whether it adds energies of single atoms (shifts).
    """
    allegro = network.allegro
    scale_shift = readout.scale_shift
    potentials = [type(potential).__name__ for potential in readout.pair_potentials]
    weights = [p.numel() for p in graph_model.parameters() if p.requires_grad]
    return {
        "trained_in": str(graph_model.metadata["model_dtype"]),
        "r_max_ang": float(graph_model.metadata["r_max"]),
        "l_max": int(allegro.irreps_in[allegro.tensor_basis_in_field].lmax),
        "n_layers": int(allegro.num_layers),
        "n_scalar_features": int(allegro.num_scalar_features),
        "n_tensor_features": int(allegro.num_tensor_features),
        "n_weights": sum(weights),
        "n_neighbours_mean": float((1 / readout.norm**2).mean()),
        "pair_potentials": ", ".join(potentials) or "none",
        "shifts": "yes" if scale_shift.has_shifts else "no",
    }
