"""Batches of graphs: the edges nequip finds, sorted, cut by their number."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, graphene, molecule
from ase.collections import g2
from nequip.data import AtomicDataDict, compute_neighborlist_, from_dict
from nequip.utils.global_state import set_global_state

from e3d import graphs
from e3d.errors import InputError
from e3d.graphs import Batch, batches, make_batch
from e3d.structures import Structure

Edge = tuple[int, ...]


def structure(atoms: Atoms, frame: int = 0) -> Structure:
    pbc = (bool(atoms.pbc[0]), bool(atoms.pbc[1]), bool(atoms.pbc[2]))
    cell = np.asarray(atoms.cell.array, dtype=np.float64) if any(pbc) else None
    numbers = np.asarray(atoms.numbers, dtype=np.int64)
    return Structure(
        "x", frame, atoms.positions.copy(), numbers, "", None, None, cell=cell, pbc=pbc
    )


def edges_of(batch: Batch) -> list[Edge]:
    shift = (
        np.zeros((batch.edge_index.shape[1], 3), dtype=int)
        if batch.cell_shift is None
        else batch.cell_shift
    )
    return [tuple(row) for row in np.column_stack([batch.edge_index.T, shift]).tolist()]


def nequip_edges(structures: Sequence[Structure], r_max: float) -> list[Edge]:
    """Return the edges of nequip's own search, structure by structure, sorted."""
    set_global_state()
    found: list[Edge] = []
    start = 0
    for one in structures:
        data: dict[str, Any] = {AtomicDataDict.POSITIONS_KEY: one.positions}
        if one.cell is not None:
            data |= {AtomicDataDict.CELL_KEY: one.cell, AtomicDataDict.PBC_KEY: one.pbc}
        graph = compute_neighborlist_(from_dict(data), r_max)
        index = graph[AtomicDataDict.EDGE_INDEX_KEY].T.numpy() + start
        shift = graph.get(AtomicDataDict.EDGE_CELL_SHIFT_KEY)
        shifts = np.zeros((len(index), 3)) if shift is None else shift.numpy()
        found += [tuple(row) for row in np.column_stack([index, shifts]).astype(int).tolist()]
        start += len(one.positions)
    return sorted(found)


@pytest.fixture(scope="module")
def gas() -> list[Structure]:
    """All molecules of the G2 set, turned, far from the origin and from one another."""
    rng = np.random.default_rng(0)
    found = []
    for frame, name in enumerate(g2.names):
        atoms = molecule(name)
        atoms.rotate(360 * rng.random(), rng.normal(size=3))
        atoms.translate(rng.normal(scale=300.0, size=3))
        found.append(structure(atoms, frame))
    return found


@pytest.mark.parametrize("r_max", [1.0, 2.5, 5.0])
def test_molecules_have_the_edges_nequip_finds(gas: list[Structure], r_max: float) -> None:
    batch = make_batch(gas, r_max)
    assert edges_of(batch) == nequip_edges(gas, r_max)  # the first are sorted as they come
    assert batch.cell_shift is None
    np.testing.assert_array_equal(np.concatenate([s.positions for s in gas]), batch.positions)


def test_a_molecule_of_far_fragments_and_an_atom_alone() -> None:
    far = Atoms("CO2N", positions=[[0, 0, 0], [1.1, 0, 0], [-3e4, 5e4, 0], [0, 0, 7e6]])
    line = Atoms("H9", positions=np.arange(9)[:, None] * [[0.3, 1.7, 0.2]])
    several = [structure(far), structure(Atoms("He")), structure(line)]
    batch = make_batch(several, 4.0)
    assert edges_of(batch) == nequip_edges(several, 4.0)
    assert (batch.edge_index[0] == 4).sum() == 0


def test_pairs_at_the_cutoff_do_not_depend_on_the_batch() -> None:
    """A lattice spaced by the cutoff: rounding decides whether 0.9 - 0.1 is less than 0.8."""
    lattice = np.stack(np.meshgrid(*[np.arange(4)] * 3), axis=-1).reshape(-1, 3) * 0.8 + 0.1
    several = [
        structure(Atoms(numbers=[1] * 64, positions=lattice + 0.3 * k), k) for k in range(30)
    ]
    together = edges_of(make_batch(several, 1.6))
    alone = [
        (i + 64 * k, j + 64 * k)
        for k, one in enumerate(several)
        for i, j, *_ in edges_of(make_batch([one], 1.6))
    ]
    assert [edge[:2] for edge in together] == alone


def test_an_atom_far_away_costs_no_bins_and_its_neighbours_no_digits() -> None:
    """The molecules after it in the row are moved by 10^8 Å."""
    rng = np.random.default_rng(0)
    gas = [
        structure(Atoms(numbers=[1] * 40, positions=rng.normal(scale=2.0, size=(40, 3))), k)
        for k in range(9)
    ]
    exploded = structure(Atoms("OH2", positions=[[0, 0, 0], [9e8, 0.5, 0], [9e8, 0, 0]]), 9)
    batch = make_batch([exploded, *gas], 3.0)
    assert edges_of(batch)[:2] == [(1, 2, 0, 0, 0), (2, 1, 0, 0, 0)]
    assert [(i - 3, j - 3, *s) for i, j, *s in edges_of(batch)[2:]] == edges_of(
        make_batch(gas, 3.0)
    )
    extent = np.array([9e8, 30.0, 30.0])
    for molecules in (1, 1000):
        box = graphs._box(extent, molecules, 1000, 3.0)
        assert np.prod(np.diag(box) / 3.0) <= graphs._BINS_PER_ATOM * 1000 * 1.01


@pytest.mark.parametrize("size", [[25.0, 25.0, 25.0], [3.0, 200.0, 40.0]])
def test_a_large_cluster_has_the_edges_nequip_finds(size: list[float]) -> None:
    """It is searched in bins along three directions, not one."""
    positions = np.random.default_rng(0).uniform(-0.5, 0.5, size=(1200, 3)) * size
    cluster = structure(Atoms(numbers=[1] * 1200, positions=positions))
    assert np.diag(graphs._box(np.array(size), 1, 1200, 3.0))[1] > 20.0
    assert edges_of(make_batch([cluster], 3.0)) == nequip_edges([cluster], 3.0)


def test_a_molecule_in_a_huge_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    waters = []
    for length in (20.0, 2e4):  # matscipy takes 14 s and GB for the second
        water = molecule("H2O", cell=[length] * 3, pbc=True)
        water.positions -= water.positions[0]
        water.wrap()  # hydrogens at the other side of the cell
        waters.append(structure(water))
    several = [waters[1], structure(bulk("C", "diamond", a=3.57))]
    found = make_batch(several, 3.0)
    assert [edge for edge in edges_of(found) if edge[0] < 3] == nequip_edges(waters[:1], 3.0)
    monkeypatch.setattr(graphs, "_MAX_BINS", 0)
    assert edges_of(make_batch(several, 3.0)) == edges_of(found)


@pytest.mark.parametrize("cell", [None, [3.0, 3.0, 3.0]])
def test_two_atoms_at_one_place_are_refused(cell: list[float] | None) -> None:
    good = Atoms("OH", positions=[[0, 0, 0], [0, 0, 0.97]], cell=cell, pbc=cell is not None)
    bad = Atoms(
        "OHH", positions=[[0, 0, 0], [0, 0, 0.97], [0, 0, 0.97]], cell=cell, pbc=cell is not None
    )
    if cell is not None:
        bad.positions[2] += cell
    several = [structure(good), replace(structure(bad), label="mine.xyz frame 7")]
    with pytest.raises(InputError, match=r"mine.xyz frame 7: atoms 1 and 2 are at the same place"):
        make_batch(several, 3.0)


def test_atoms_without_edges_share_a_part() -> None:
    several = [structure(Atoms("He"), frame) for frame in range(300)]
    assert len(list(make_batch(several, 4.0).parts(2000))) == 1


def test_periodic_structures_have_the_edges_nequip_finds() -> None:
    sheet = graphene(vacuum=6.0)
    sheet.pbc = (True, True, False)
    skewed = bulk("NaCl", "rocksalt", a=5.6)
    skewed.positions += [7.0, -31.0, 0.4]  # outside its cell
    several = [
        structure(atoms)
        for atoms in (bulk("C", "diamond", a=3.57), bulk("Po", "sc", a=2.0), sheet, skewed)
    ]
    batch = make_batch(several, 4.5)
    assert edges_of(batch) == nequip_edges(several, 4.5)
    assert any(edge[0] == edge[1] for edge in edges_of(batch))  # an atom and its own images


@pytest.mark.parametrize("atoms", [1, 30, 10**4])
@pytest.mark.parametrize("limit", [1, 40, 300, 10**6])
def test_batches_keep_order_and_edges_and_stay_below_the_limit(
    gas: list[Structure], limit: int, atoms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    salt = structure(bulk("NaCl", "rocksalt", a=5.6), len(gas))
    several = [*gas, salt, replace(salt, frame=len(gas) + 1), replace(gas[0], frame=len(gas) + 2)]
    monkeypatch.setattr("e3d.graphs.ATOMS_PER_BATCH", atoms)
    whole = list(batches(several, 3.0))
    made = [part for batch in whole for part in batch.parts(limit)]
    assert [s.frame for batch in made for s in batch.structures] == list(range(len(several)))
    for batch in made:
        assert batch.edge_index.shape[1] <= limit or len(batch.structures) == 1
        assert edges_of(batch) == edges_of(make_batch(batch.structures, 3.0))
        np.testing.assert_array_equal(
            batch.atomic_numbers, np.concatenate([s.atomic_numbers for s in batch.structures])
        )
        np.testing.assert_array_equal(
            np.diff(batch.frame_ptr), [len(s.positions) for s in batch.structures]
        )
    cells = {tuple(s.cell is None for s in batch.structures) for batch in made}
    assert all(len(set(kinds)) == 1 for kinds in cells)
    if limit == 10**6:
        assert len(made) == len(whole)
    if limit == 10**6 and atoms == 10**4:
        assert [len(batch.structures) for batch in made] == [len(gas), 2, 1]


def test_structures_with_and_without_cell_make_no_batch(gas: list[Structure]) -> None:
    with pytest.raises(ValueError, match="all have a cell, or none"):
        make_batch([gas[0], structure(bulk("C"))], 3.0)


def test_the_store_streams_through_batches(prepared: Any) -> None:
    """The stored coordinates are float32: lining molecules up moves no atom across the cutoff."""
    from e3d.store.reader import StoreReader
    from e3d.structures import from_store

    assert isinstance(prepared.store, Path)
    with StoreReader(prepared.store) as reader:
        structures = list(from_store(reader, range(0, len(reader), 9)))
        edges = [
            edge
            for batch in batches(structures, 5.0)
            for part in batch.parts(500)
            for edge in _absolute(part)
        ]
    expected = [(i, j) for i, j, *_ in nequip_edges(structures, 5.0)]
    first = dict(
        zip(
            [s.frame for s in structures],
            np.cumsum([0, *(len(s.positions) for s in structures)]),
            strict=False,
        )
    )
    assert [(i + first[frame], j + first[frame]) for frame, i, j in edges] == expected


def _absolute(batch: Batch) -> list[tuple[int, int, int]]:
    """Return frame and atoms within the frame of every edge."""
    frame = batch.frame[batch.edge_index[0]]
    start = batch.frame_ptr[frame]
    names = np.array([s.frame for s in batch.structures])[frame]
    rows = np.column_stack([names, batch.edge_index[0] - start, batch.edge_index[1] - start])
    return [(a, b, c) for a, b, c in rows.tolist()]
