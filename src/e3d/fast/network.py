"""An Allegro network whose tensor track lives on the centre atoms.

Allegro multiplies the tensor features of an edge, layer after layer, with the environment of its
centre (nequip-allegro 0.8 ``Allegro_Module``; Musaelian et al., Nat. Commun. 14, 579 (2023)),

    x_0[z,u,i]   = w[z,u,r(i)] Y[z,i]
    x_l+1[z,u,k] = sum_ij x_l[z,u,i] env_l[u,j,c(z)] W_l[u,i,j,k]

and reads one scalar for each channel and layer, k = 0. Each layer is linear in the edge's own
features, and all else in it belongs to the centre. So the scalar of layer l is the product of x_0
with a vector of the centre,

    s_l[z,u] = sum_i x_0[z,u,i] m_l[u,i,c(z)]
    m_l      = T_0 T_1 ... T_l e_0               T_l[i,k] = sum_j env_l[j] W_l[i,j,k]

evaluated from the right, T_0 (T_1 (... T_l e_0)), once per centre and never per edge. The scalar
track is the shipped one, but linear layers with no nonlinearity between them are multiplied first,
also where an MLP is nothing but such layers (one without hidden layers, a deep linear one).

Weights, their names and their order are those of the shipped network, and stay shared with it.
"""

from itertools import accumulate
from math import sqrt
from typing import Any

import torch
from nequip.data import AtomicDataDict
from torch import Tensor

from e3d.fast.centres import Centres, Components
from e3d.fast.dense import silu_linear
from e3d.fast.geometry import Harmonics, Radial
from e3d.fast.parts import environment_norm, is_fixed_bessel, matrices
from e3d.fast.slots import Slots

_CORE = ("scalar_embed_mlp", "tensor_embed", "allegro", "edge_readout")
"""The modules whose weights :meth:`CentreNetwork._edge_energies` uses itself, in their order."""
_EDGE_SUM = "edge_eng_sum"


class CentreNetwork(torch.nn.Module):
    """Allegro's energy network, with the modules, weights and results of the shipped one.

    It leaves edge vectors, lengths, cutoffs and energies in the data, and no features.
    """

    radial_chemical_embed: Any
    scalar_embed_mlp: Any
    tensor_embed: Any
    allegro: Any
    edge_readout: Any

    def __init__(self, shipped: Any) -> None:
        """Take over the modules of a ``SequentialGraphNetwork`` that is no ``misfit``."""
        super().__init__()
        embed = shipped.radial_chemical_embed
        radial = Radial(embed.bessel_encode) if is_fixed_bessel(embed) else None
        harmonics = Harmonics(shipped.tensor_embed.sh)
        self.irreps_in, self.irreps_out = shipped.irreps_in, shipped.irreps_out
        for name, module in shipped.named_children():
            self.add_module(name, module)
        if radial is not None:
            self.radial_chemical_embed.bessel_encode = radial
        self.tensor_embed.sh = harmonics
        irreps = self.allegro.irreps_in[self.allegro.tensor_basis_in_field]
        bounds = (0, *accumulate(ir.dim for _, ir in irreps))
        self._components = Components(bounds, self.allegro.num_tensor_features)

    def forward(self, data: AtomicDataDict.Type) -> AtomicDataDict.Type:
        """Add edge energies and all that follows from them to ``data``."""
        for name, module in self.named_children():
            if name not in _CORE:
                data = module(data)
            elif name == _CORE[-1]:
                data[AtomicDataDict.EDGE_ENERGY_KEY] = self._edge_energies(data, None)
        return data

    def in_slots(self, data: AtomicDataDict.Type, table: Tensor) -> AtomicDataDict.Type:
        """Do the same by :mod:`e3d.fast.slots`, given the table of the edges: for a compiler.

        The cell takes no part in derivatives: there is no stress.
        """
        slots = Slots(data[AtomicDataDict.EDGE_INDEX_KEY], table, self._components)
        data[AtomicDataDict.EDGE_VECTORS_KEY] = _edge_vectors(data, slots)
        module: Any
        for name, module in self.named_children():
            if name == _EDGE_SUM:
                total = slots.total(data[AtomicDataDict.EDGE_ENERGY_KEY])
                data = module.norm_module({**data, AtomicDataDict.NODE_FEATURES_KEY: total})
                data[module.out_field] = data[AtomicDataDict.NODE_FEATURES_KEY] / sqrt(2)
            elif name not in _CORE:
                data = module(data)
            elif name == _CORE[-1]:
                data[AtomicDataDict.EDGE_ENERGY_KEY] = self._edge_energies(data, slots)
        return data

    def _edge_energies(self, data: AtomicDataDict.Type, slots: Slots | None) -> Tensor:
        """Return the readout of every edge, (Z, 1)."""
        allegro = self.allegro
        mlps = [self.scalar_embed_mlp.mlp_module, *allegro.latents, self.edge_readout.mlp_module]
        weights = [matrices(mlp) for mlp in mlps]
        track = _TensorTrack(self, data, slots)
        # what is added up in the hidden layers of latents and readout
        given: list[list[Tensor]] = [[] for _ in weights[1:]]
        hidden = torch.mm(data[AtomicDataDict.EDGE_EMBEDDING_KEY], weights[0][0])
        for layer, (weight, widths) in enumerate(_sources(self, weights)):
            hidden = _deepen(hidden, weights[layer])
            if len(weights[layer]) == 1:
                parts = torch.mm(hidden, weight).split(widths, 1)
            else:
                parts = silu_linear(hidden, weight, widths)
            for waiting, part in zip(given[layer:], parts, strict=False):
                waiting.append(part)
            if layer == allegro.num_layers:
                break
            if layer == 0:
                track.edge_weights = parts[-1]
            scalars = track.scalars(layer, parts[len(given) - layer])
            mix = weights[layer + 1][0][allegro.num_scalar_features * (layer + 1) :]
            hidden = torch.addmm(_total(given[layer]), scalars, mix)
        hidden = _deepen(_total(given[-1]), weights[-1])
        return hidden if len(weights[-1]) == 1 else silu_linear(hidden, weights[-1][-1], [1])[0]


class _TensorTrack:
    """The scalars that the tensor products of one batch give to its edges."""

    def __init__(
        self, network: CentreNetwork, data: AtomicDataDict.Type, slots: Slots | None
    ) -> None:
        self._allegro: Any = network.allegro
        self._training = network.training
        embed = network.tensor_embed
        self._harmonics = embed.sh(data[AtomicDataDict.EDGE_VECTORS_KEY]).to(embed._output_dtype)
        centre, n_atoms = data[AtomicDataDict.EDGE_INDEX_KEY][0], AtomicDataDict.num_nodes(data)
        self._centres = slots or Centres(centre, n_atoms, network._components)
        types = data[AtomicDataDict.ATOM_TYPE_KEY].view(-1)
        norm = environment_norm(self._allegro)
        self._norm = norm if isinstance(norm, float) or norm.numel() == 1 else norm[types]
        self._layers: list[tuple[Tensor, Tensor]] = []
        self.edge_weights: Tensor | None = None

    def scalars(self, layer: int, weights: Tensor) -> Tensor:
        """Return s of ``layer`` (Z, U), of its environment weights (Z, R U)."""
        product = self._allegro.tps[layer]
        env = self._centres.environment(weights, self._harmonics, training=self._training)
        env = env * self._norm
        coupling = _coupling(product)
        if product.w3j_is_ij_diagonal and layer == self._allegro.num_layers - 1:
            vector = env * coupling
        else:
            dense = _dense(coupling) if product.w3j_is_ij_diagonal else coupling
            vector = torch.bmm(dense[..., 0].contiguous(), env)
            self._layers.append((env, dense))
        earlier = self._layers[:layer]
        for env, coupling in reversed(earlier):
            pairs = (env.unsqueeze(2) * vector.unsqueeze(1)).flatten(1, 2)
            vector = torch.bmm(coupling.flatten(2), pairs)
        assert self.edge_weights is not None
        return self._centres.invariants(
            self.edge_weights, self._harmonics, vector, training=self._training
        )


def _edge_vectors(data: AtomicDataDict.Type, slots: Slots) -> Tensor:
    """Return the vectors (Z, 3) of edges, between periodic images where there is a cell."""
    vectors = slots.vectors(data[AtomicDataDict.POSITIONS_KEY])
    if AtomicDataDict.CELL_KEY not in data:
        return vectors
    cells = data[AtomicDataDict.CELL_KEY].view(-1, 3, 3)[data[AtomicDataDict.BATCH_KEY]]
    shifts = data[AtomicDataDict.EDGE_CELL_SHIFT_KEY].unsqueeze(-1)
    return vectors + (shifts * cells[slots.centre]).sum(1)


def _coupling(product: Any) -> Tensor:
    """Return a contraction's weights times 3j symbols (U, I, J, K); (U, I, K) if all have i = j."""
    both = product.base_dim1, product.base_dim2
    inputs = both[:1] if product.w3j_is_ij_diagonal else both
    w3j = product.w3j.reshape(product.num_paths, -1)
    coupling = torch.mm(product.weights.reshape(-1, product.num_paths), w3j)
    coupling = coupling.view(-1, *inputs, product.base_dim_out)
    return coupling.expand(product.mul, *coupling.shape[1:])


def _dense(coupling: Tensor) -> Tensor:
    """Return (U, I, K) as (U, I, J, K), zero but at i = j."""
    return torch.diag_embed(coupling.mT).permute(0, 2, 3, 1)


def _sources(network: Any, weights: list[list[Tensor]]) -> list[tuple[Tensor, list[int]]]:
    """Return what follows the last SiLU of the embedding and each layer: a matrix, and widths.

    Its columns: the share of the hidden layer of every later latent and of the readout, then the
    weights of the environment of the next layer, then (embedding only) the weights of the edge's
    own tensor features.
    """
    allegro = network.allegro
    width = allegro.num_scalar_features
    embedding = _last(weights[0])
    projection = torch.mm(embedding, matrices(allegro.first_layer_env_embed_projection)[0])
    own = torch.mm(embedding, matrices(network.tensor_embed.env_embed_linear)[0])
    sources = []
    for layer, mlp in enumerate(weights[:-1]):
        last = projection if layer == 0 else _last(mlp)
        rows = slice(width * layer, width * (layer + 1))
        ahead = [consumer[0][rows] for consumer in weights[layer + 1 :]]
        blocks = [torch.mm(last[:, :width], torch.cat(ahead, 1))]
        widths = [block.shape[1] for block in ahead]
        for block in (last[:, width:], own if layer == 0 else last[:, :0]):
            if block.shape[1]:
                blocks.append(_by_irrep(block, allegro.num_tensor_features))
                widths.append(block.shape[1])
        sources.append((torch.cat(blocks, 1), widths))
    return sources


def _last(mlp: list[Tensor]) -> Tensor:
    """Return the matrix after an MLP's last SiLU; the identity if it has none."""
    if len(mlp) > 1:
        return mlp[-1]
    return torch.eye(mlp[0].shape[1], dtype=mlp[0].dtype, device=mlp[0].device)


def _by_irrep(weight: Tensor, n_channels: int) -> Tensor:
    """Return a matrix with its columns, over (channel, irrep), in the order (irrep, channel)."""
    return weight.reshape(len(weight), n_channels, -1).mT.reshape(weight.shape)


def _deepen(hidden: Tensor, mlp: list[Tensor]) -> Tensor:
    """Return the last hidden layer of an MLP, of its first."""
    for weight in mlp[1:-1]:
        (hidden,) = silu_linear(hidden, weight, [weight.shape[1]])
    return hidden


def _total(parts: list[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
