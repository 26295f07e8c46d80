"""The tables of a decomposition against plain loops over frames and pairs."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from ase.build import bulk
from ase.data import chemical_symbols, covalent_radii
from ase.io import write

from e3d.chemistry import Bond
from e3d.decomposition.tables import write_decomposition
from e3d.decomposition.totals import Histogram, Sums
from e3d.keys import Vocabulary, pack
from e3d.models import AnalysisModel
from e3d.store.reader import StoreReader
from e3d.structures import Structure, from_file, from_store

RUN = {"run": "r", "dataset": "d", "n_train": 16, "model": "tiny", "seed": 0}
ENERGY_EV = 1e-9  # other batches, other order of sums
Row = tuple[Any, ...]


def pair_name(a: int, b: int, sign: str) -> str:
    first, second = sorted((chemical_symbols[a], chemical_symbols[b]))
    return first + sign + second


def loop(
    model: AnalysisModel, structures: Sequence[Structure]
) -> tuple[list[Row], dict[Row, list[tuple[float, float]]], Counter[Row]]:
    """Return rows of bonds, (D, r) of every bond of every molecule, histogram of other pairs."""
    rows: list[Row] = []
    means: dict[Row, list[tuple[float, float]]] = defaultdict(list)
    histogram: Counter[Row] = Counter()
    for structure in structures:
        e = model.edge_energies([structure])
        z = structure.atomic_numbers.tolist()
        by_edge = {
            (int(i), int(j), *map(int, s)): (float(eps), float(r))
            for i, j, s, eps, r in zip(
                e.centre, e.neighbour, e.cell_shift, e.eps, e.length, strict=True
            )
        }
        pairs = [
            key
            for key in sorted(by_edge)
            if key[0] < key[1] or (key[0] == key[1] and key[2:] > (0, 0, 0))
        ]
        for key in pairs:
            i, j, *shift = key
            eps, r = by_edge[key]
            back, _ = by_edge[(j, i, *(-s for s in shift))]
            kind, fine = "", ""
            if structure.bonds is None:
                if r <= 1.25 * (covalent_radii[z[i]] + covalent_radii[z[j]]):
                    kind = pair_name(z[i], z[j], "~")
            else:
                images = [(by_edge[k][1], k) for k in pairs if k[:2] == (i, j)]
                for bond in structure.bonds:
                    if (bond.i, bond.j) == (i, j) and min(images)[1] == key:
                        kind, fine = bond.bond_type, bond.fine_type
            if not kind:
                histogram[
                    pair_name(z[i], z[j], "-"),
                    math.floor(r / 0.05),
                    math.floor(-(eps + back) / 0.01),
                ] += 1
                continue
            rows.append(
                (
                    structure.frame,
                    structure.smiles,
                    i,
                    j,
                    *shift,
                    z[i],
                    z[j],
                    kind,
                    fine,
                    structure.intact,
                )
            )
            rows[-1] += (r, eps, back, -(eps + back), eps - back)
            if structure.intact:
                means[
                    structure.smiles, structure.mapped_smiles or "", i, j, *shift, kind, fine
                ].append((-(eps + back), r))
    return rows, means, histogram


COLUMNS = [
    "frame",
    "molecule",
    "i",
    "j",
    "s_x",
    "s_y",
    "s_z",
    "z_i",
    "z_j",
    "bond_type",
    "bond_type_fine",
]
COLUMNS += ["bonds_intact", "r_ang", "eps_ij_eV", "eps_ji_eV", "bond_energy_eV", "asymmetry_eV"]


@pytest.fixture(scope="module")
def several(prepared: Any, molecules: dict[str, Structure]) -> list[Structure]:
    """Frames of a store out of order, molecules whose bonds are broken, unknown or not theirs."""
    with StoreReader(prepared.store) as reader:
        frames = list(from_store(reader, [*range(0, len(reader), 40), 3, 1]))
    ethanol = molecules["CCO"]
    changed = [
        replace(ethanol, frame=2001, bonds=None, mapped_smiles=None, smiles="C2H6O"),
        replace(ethanol, frame=2002, intact=False),
        replace(
            ethanol, frame=2003, bonds=(Bond(0, 8, "C~H", "odd"), Bond(0, 1, "C-C", "Csp3-Csp3"))
        ),
        replace(ethanol, frame=2004, bonds=()),
        replace(
            ethanol, frame=2005, positions=2.0 * ethanol.positions
        ),  # bonds beyond the cutoff have no pair
        replace(molecules["C"], frame=2006),
    ]
    return [*frames[:9], *changed, *frames[9:]]


def check(model: AnalysisModel, structures: Sequence[Structure], folder: Path) -> None:
    write_decomposition(model, structures, folder, name="x", run=RUN)
    rows, means, histogram = loop(model, structures)
    bonds = pd.read_parquet(folder / "bonds.parquet")
    expected = pd.DataFrame(rows, columns=COLUMNS)
    pd.testing.assert_frame_equal(
        bonds[COLUMNS], expected, check_exact=False, atol=ENERGY_EV, rtol=0
    )
    table = pd.read_csv(folder / "bond_means.csv", keep_default_na=False, na_values=[""])
    keys = ["molecule", "smiles", "i", "j", "s_x", "s_y", "s_z", "bond_type", "bond_type_fine"]
    assert [tuple(row) for row in table[keys].fillna("").to_numpy().tolist()] == list(means)
    d = [np.array([d for d, _ in values]) for values in means.values()]
    np.testing.assert_array_equal(table["n"], [len(values) for values in d])
    np.testing.assert_allclose(
        table["bond_energy_eV"], [values.mean() for values in d], atol=ENERGY_EV
    )
    spread = [values.std(ddof=1) if len(values) > 1 else np.nan for values in d]
    np.testing.assert_allclose(table["bond_energy_sd_eV"], spread, atol=1e-6)
    np.testing.assert_allclose(
        table["r_ang"], [np.mean([r for _, r in v]) for v in means.values()], atol=1e-9
    )
    pairs = pd.read_parquet(folder / "pairs.parquet")
    found = pairs[["elements", "r_bin_ang", "bond_energy_bin_eV", "count"]].to_numpy().tolist()
    assert found == [
        [e, round(r * 0.05, 10), round(d * 0.01, 10), n]
        for (e, r, d), n in sorted(histogram.items())
    ]


def test_tables_equal_plain_loops(
    model: AnalysisModel, several: list[Structure], tmp_path: Path
) -> None:
    check(model, several, tmp_path)


def test_tables_equal_plain_loops_in_cells(
    build_model: Callable[..., AnalysisModel], tmp_path: Path
) -> None:
    """Geometric bonds, images of one atom, and a bond that is the shortest of several images."""
    path = tmp_path / "cells.xyz"
    images = [bulk("C", "diamond", a=3.567), bulk("C", "sc", a=1.6), bulk("CO", "rocksalt", a=4.0)]
    write(path, images, format="extxyz")
    model = build_model(r_max=3.0)
    model.path = path  # an untrained model has no file; provenance hashes one
    structures = list(from_file(path))
    bonded = replace(
        structures[0],
        frame=9,
        bonds=(Bond(0, 1, "C-C", "Csp3-Csp3"),),
        smiles="CC",
        mapped_smiles="m",
    )
    check(model, [*structures, bonded], tmp_path / "out")


def test_rows_come_in_groups_of_a_fixed_size(
    model: AnalysisModel, several: list[Structure], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However large the batches: row groups of the file do not follow them, and no row is lost."""
    monkeypatch.setattr("e3d.graphs.ATOMS_PER_BATCH", 12)
    write_decomposition(model, several, tmp_path / "one", name="x", run=RUN)
    monkeypatch.setattr("e3d.decomposition.writer.ROWS_PER_GROUP", 40)
    write_decomposition(model, several, tmp_path / "many", name="x", run=RUN)
    files = [pq.ParquetFile(tmp_path / name / "bonds.parquet") for name in ("one", "many")]
    sizes = [
        [file.metadata.row_group(k).num_rows for k in range(file.num_row_groups)] for file in files
    ]
    assert len(sizes[0]) == 1 < len(sizes[1])
    assert min(sizes[1][:-1]) >= 40
    assert files[0].read().equals(files[1].read())
    assert str(files[0].schema_arrow.field("bond_type").type).endswith("string")


def test_packed_keys_sort_as_their_rows_do() -> None:
    rng = np.random.default_rng(0)
    for high in (3, 2**20, 2**33):  # the last do not fit into 62 bits as they are
        rows = rng.integers(-high, high, size=(500, 4))
        rows[250:] = rows[:250]
        key = pack(list(rows.T))
        np.testing.assert_array_equal(
            rows[np.argsort(key, kind="stable")], rows[np.lexsort(rows.T[::-1])]
        )
        assert len(np.unique(key)) == len(np.unique(rows, axis=0))
    assert len(pack([np.empty(0, dtype=np.int64)])) == 0


def test_names_are_numbered_as_they_come() -> None:
    names: Vocabulary[str] = Vocabulary()
    assert [names.code(name) for name in ("b", "a", "b", "c")] == [0, 1, 0, 2]
    assert names.names == ["b", "a", "c"]


def test_sums_grow_with_their_items() -> None:
    sums = Sums(2)
    sums.add(np.array([0, 500, 0]), [np.array([1.0, 2.0, 3.0]), np.ones(3)])
    sums.add(np.array([500]), [np.array([4.0]), np.ones(1)])
    np.testing.assert_array_equal(sums.of(501)[:, [0, 1, 500]], [[4.0, 0.0, 6.0], [2.0, 0.0, 2.0]])


def test_the_histogram_of_many_additions_is_that_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    z = rng.choice([1, 6, 17, 35], size=(2, 3000))
    r, d = rng.uniform(0, 6, size=3000), rng.normal(scale=0.05, size=3000)
    r[0], d[:2] = 1e9, [1e30, -1e30]  # nonsense stays in its row
    once, often = Histogram(), Histogram()
    once.add(z[0], z[1], r, d)
    monkeypatch.setattr(Histogram, "_WAITING", 100)
    for rows in np.split(np.arange(3000), 60):
        often.add(z[1, rows], z[0, rows], r[rows], d[rows])
    pd.testing.assert_frame_equal(once.table(), often.table())
    assert once.table()["count"].sum() == 3000
    assert set(once.table()["elements"]) >= {"Br-Cl", "C-Cl", "C-H", "H-H"}
