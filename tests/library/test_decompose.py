"""The decomposition: the sum rule and what breaks it, pairs, pair potentials, cells, tables."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write

from e3d.decomposition.tables import write_decomposition, write_decompositions
from e3d.decomposition.totals import D_BIN_EV, R_BIN_ANG
from e3d.edges import EdgeEnergies
from e3d.errors import InputError
from e3d.models import AnalysisModel
from e3d.pairs import (
    SUM_RULE_TOLERANCE_EV,
    check_sum_rule,
    frame_of_atom,
    pair_up,
    sum_rule_violation,
)
from e3d.store.reader import StoreReader
from e3d.store.splits import frames_of
from e3d.structures import Structure, from_file, from_store
from model_fixtures import NAMED

RUN = {
    "run": "minispice/n16/tiny/s0",
    "dataset": "minispice",
    "n_train": 16,
    "model": "tiny",
    "seed": 0,
}
"""What the trained model says of itself."""
ZBL = {
    "_target_": "nequip.nn.pair_potential.ZBL",
    "chemical_species": ["H", "C", "O"],
    "units": "metal",
}


@pytest.fixture(scope="module")
def edges(model: AnalysisModel, molecules: dict[str, Structure]) -> EdgeEnergies:
    return model.edge_energies([molecules["CCO"], molecules["C#N"], molecules["CC(C)C"]])


def test_the_sum_rule_holds_on_every_frame_of_the_dataset(
    model: AnalysisModel, prepared: Any
) -> None:
    with StoreReader(prepared.store) as reader:
        for batch in model.batches(from_store(reader, range(len(reader)))):
            worst = check_sum_rule(model.edge_energies(batch), [s.label for s in batch.structures])
            assert worst <= SUM_RULE_TOLERANCE_EV


def test_plausible_reconstructions_break_the_sum_rule(
    model: AnalysisModel, edges: EdgeEnergies
) -> None:
    """Negative controls: the neighbour as centre, and the per-type factor left out."""
    assert sum_rule_violation(edges).max() < SUM_RULE_TOLERANCE_EV
    readout = model._readout
    norm = readout.edge_sum.norm_module.norm_const.view(-1)
    scale = float(readout.scale_shift.scales.view(-1)[0]) * float(norm[0])
    unscaled = replace(edges, eps=edges.eps / (scale / 2**0.5))
    assert sum_rule_violation(unscaled).max() > 1e-3
    with pytest.raises(InputError, match=r"^a: .* energy term that is on no edge"):
        check_sum_rule(unscaled, ["a", "b", "c"])


def test_the_centre_is_the_first_row_of_the_edge_index(
    build_model: Callable[..., AnalysisModel], molecules: dict[str, Structure]
) -> None:
    """With a scale of its own for each element, taking the neighbour as centre breaks the sum."""
    model = build_model(
        per_type_energy_scales={"H": 1.0, "C": 2.0, "O": 5.0},
        avg_num_neighbors={"H": 3.0, "C": 5.0, "O": 8.0},
    )
    edges = model.edge_energies([molecules["CO"]])
    assert sum_rule_violation(edges).max() < SUM_RULE_TOLERANCE_EV
    scale = {1: 1.0 / 3.0**0.5, 6: 2.0 / 5.0**0.5, 8: 5.0 / 8.0**0.5}
    factor = np.array([scale[int(z)] for z in edges.atomic_numbers])
    swapped = replace(edges, eps=edges.eps / factor[edges.centre] * factor[edges.neighbour])
    assert sum_rule_violation(swapped).max() > 1e-3


def test_pair_potentials_of_a_users_model_are_accounted_for(
    build_model: Callable[..., AnalysisModel], molecules: dict[str, Structure]
) -> None:
    with_pair, without = build_model(pair_potential=ZBL), build_model()
    several = [molecules["CCO"], molecules["C"]]
    edges, plain = with_pair.edge_energies(several), without.edge_energies(several)
    assert sum_rule_violation(edges).max() < SUM_RULE_TOLERANCE_EV
    assert (
        np.abs(edges.eps - plain.eps).max() > 1e-2
    )  # the term is there: leaving it out would show
    pairs = pair_up(replace(edges, eps=edges.eps - plain.eps))
    np.testing.assert_allclose(pairs.eps_ij, pairs.eps_ji, atol=1e-12)  # half on either side


def test_pairs_join_both_directions(edges: EdgeEnergies) -> None:
    pairs = pair_up(edges)
    assert 2 * len(pairs.i) == len(edges.eps)
    assert (pairs.i < pairs.j).all()
    by_edge = dict(
        zip(
            zip(edges.centre.tolist(), edges.neighbour.tolist(), strict=True),
            edges.eps,
            strict=True,
        )
    )
    for k, (i, j) in enumerate(zip(pairs.i.tolist(), pairs.j.tolist(), strict=True)):
        assert pairs.eps_ij[k] == by_edge[i, j]
        assert pairs.eps_ji[k] == by_edge[j, i]
        assert pairs.bond_energy[k] == -(by_edge[i, j] + by_edge[j, i])
        assert pairs.asymmetry[k] == by_edge[i, j] - by_edge[j, i]
    assert np.abs(pairs.asymmetry).max() > 1e-6  # eps_ij and eps_ji are two numbers
    np.testing.assert_array_equal(pairs.frame, frame_of_atom(edges.frame_ptr)[pairs.j])


def test_pairing_does_not_depend_on_the_order_of_edges(edges: EdgeEnergies) -> None:
    order = np.random.default_rng(0).permutation(len(edges.eps))
    fields = ("centre", "neighbour", "cell_shift", "eps", "length")
    shuffled = replace(edges, **{name: getattr(edges, name)[order] for name in fields})
    for name in ("i", "j", "eps_ij", "eps_ji", "r", "frame"):
        np.testing.assert_array_equal(
            getattr(pair_up(shuffled), name), getattr(pair_up(edges), name)
        )


def test_an_edge_without_its_reverse_is_refused(edges: EdgeEnergies) -> None:
    fields = ("centre", "neighbour", "cell_shift", "eps", "length")
    for keep in (slice(1, None), slice(2, None)):
        broken = replace(edges, **{name: getattr(edges, name)[keep] for name in fields})
        with pytest.raises(InputError, match="not symmetric"):
            pair_up(broken)


def test_a_periodic_cell_counts_every_image_once(
    build_model: Callable[..., AnalysisModel], tmp_path: Path
) -> None:
    """Diamond: 4 bonds per atom, so 4 bonds in the 2-atom cell, whose D are equal by symmetry."""
    path = tmp_path / "diamond.xyz"
    write(path, [bulk("C", "diamond", a=3.567), bulk("C", "sc", a=1.6)], format="extxyz")
    diamond, cubic = from_file(path)
    model = build_model(r_max=3.0)
    edges = model.edge_energies([diamond, cubic])
    assert sum_rule_violation(edges).max() < SUM_RULE_TOLERANCE_EV
    pairs = pair_up(edges)
    assert 2 * len(pairs.i) == len(edges.eps)
    first = (pairs.frame == 0) & (pairs.r < 1.6)
    assert first.sum() == 4
    np.testing.assert_allclose(pairs.bond_energy[first], pairs.bond_energy[first][0], atol=1e-9)
    images = (pairs.frame == 1) & (pairs.r < 1.65)
    assert images.sum() == 3  # one atom with itself along x, y and z; six directed edges
    assert (pairs.i[images] == pairs.j[images]).all()
    model.path = path  # an untrained model has no file; provenance hashes one
    summary = write_decomposition(model, [diamond], tmp_path / "out", name="diamond", run=RUN)
    bonds = pd.read_parquet(tmp_path / "out" / "bonds.parquet")
    assert list(bonds["bond_type"]) == ["C~C"] * 4
    assert summary["edges"] == int((frame_of_atom(edges.frame_ptr)[edges.centre] == 0).sum())


def test_tables_add_up_to_the_model(model: AnalysisModel, prepared: Any, tmp_path: Path) -> None:
    frames = frames_of(prepared.splits, "test-molecules")
    with StoreReader(prepared.store) as reader:
        structures = list(from_store(reader, frames))
    summary = write_decomposition(model, structures, tmp_path, name="test-molecules", run=RUN)
    bonds = pd.read_parquet(tmp_path / "bonds.parquet")
    pairs = pd.read_parquet(tmp_path / "pairs.parquet")
    means = pd.read_csv(tmp_path / "bond_means.csv")
    edges = model.edge_energies(structures)
    binding = edges.energy - edges.shift
    assert summary["frames"] == len(structures) == bonds["frame"].nunique()
    assert 2 * (len(bonds) + pairs["count"].sum()) == summary["edges"] == len(edges.eps)
    share = bonds["bond_energy_eV"].sum() / -binding.sum()
    assert summary["bonded_share"] == pytest.approx(share, rel=1e-9)
    assert summary["sum_rule_max_abs_eV"] <= SUM_RULE_TOLERANCE_EV
    others = -binding.sum() - bonds["bond_energy_eV"].sum()
    middles = ((pairs["bond_energy_bin_eV"] + D_BIN_EV / 2) * pairs["count"]).sum()
    assert abs(middles - others) <= pairs["count"].sum() * D_BIN_EV / 2
    assert (pairs["r_bin_ang"] < model.r_max).all()
    assert (pairs["r_bin_ang"] / R_BIN_ANG).round(6).apply(float.is_integer).all()
    assert means["n"].sum() == bonds["bonds_intact"].sum()
    first = bonds[
        (bonds["molecule"] == means["molecule"][0])
        & (bonds["i"] == means["i"][0])
        & (bonds["j"] == means["j"][0])
    ]
    assert means["bond_energy_eV"][0] == pytest.approx(first["bond_energy_eV"].mean(), abs=1e-9)
    assert means["bond_energy_sd_eV"][0] == pytest.approx(first["bond_energy_eV"].std(), abs=1e-6)
    for structure in structures:
        expected = {(bond.i, bond.j, bond.bond_type) for bond in structure.bonds or ()}
        rows = bonds[bonds["frame"] == structure.frame]
        assert set(zip(rows["i"], rows["j"], rows["bond_type"], strict=True)) == expected


def test_batches_do_not_change_the_tables(
    model: AnalysisModel,
    molecules: dict[str, Structure],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    several = [s for s in molecules.values() if not {35} & set(s.atomic_numbers.tolist())]
    write_decomposition(model, several, tmp_path / "one", name="x", run=RUN)
    monkeypatch.setattr("e3d.models.analysis.EDGES_PER_CALL", 60)
    monkeypatch.setattr("e3d.graphs.ATOMS_PER_BATCH", 25)
    write_decomposition(model, several, tmp_path / "many", name="x", run=RUN)
    one, many = (pd.read_parquet(tmp_path / name / "bonds.parquet") for name in ("one", "many"))
    pd.testing.assert_frame_equal(one, many, check_exact=False, atol=1e-9, rtol=0)


def test_a_users_file_with_and_without_smiles(
    model: AnalysisModel, tmp_path: Path, molecules: dict[str, Structure]
) -> None:
    ethanol = molecules["CCO"]
    path = tmp_path / "mine.xyz"
    write(path, Atoms(ethanol.atomic_numbers, ethanol.positions), format="extxyz")
    write_decompositions(model, [path], tmp_path / "out", run=RUN)
    bonds = pd.read_parquet(tmp_path / "out" / "mine" / "bonds.parquet")
    assert sorted(bonds["bond_type"]) == ["C-C", *["C-H"] * 5, "C-O", "H-O"]
    assert set(bonds["molecule"]) == {"CCO"}


def test_unknown_elements_are_an_error_or_left_out_on_request(
    model: AnalysisModel, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="does not know Br"):
        write_decompositions(model, [NAMED], tmp_path, run=RUN)
    assert not list(tmp_path.rglob("*.*"))  # nothing half-written
    write_decompositions(model, [NAMED], tmp_path, run=RUN, skip_unknown_elements=True)
    bonds = pd.read_parquet(tmp_path / "named-bonds" / "bonds.parquet")
    assert 35 not in set(bonds["z_i"]) | set(bonds["z_j"])
    only = tmp_path / "bromine.xyz"
    write(only, Atoms("Br2", positions=[[0, 0, 0], [0, 0, 2.3]]), format="extxyz")
    with pytest.raises(InputError, match="no structure"):
        write_decompositions(model, [only], tmp_path, run=RUN, skip_unknown_elements=True)


def test_a_molecule_across_the_cell_edge_keeps_its_bonds(
    model: AnalysisModel, molecules: dict[str, Structure], tmp_path: Path
) -> None:
    water, cell = molecules["O"], [12.0, 12.0, 12.0]
    whole = Atoms(
        water.atomic_numbers,
        water.positions + 6.0,
        cell=cell,
        pbc=True,
        info={"smiles": water.mapped_smiles},
    )
    wrapped = whole.copy()
    wrapped.positions -= wrapped.positions[0]  # the oxygen at a corner of the cell
    wrapped.wrap()
    assert np.ptp(wrapped.positions, axis=0).max() > 6.0  # it does cross
    for name, atoms in (("whole", whole), ("wrapped", wrapped)):
        write(tmp_path / f"{name}.xyz", atoms, format="extxyz")
    write_decompositions(
        model, [tmp_path / "whole.xyz", tmp_path / "wrapped.xyz"], tmp_path, run=RUN
    )
    tables = [pd.read_parquet(tmp_path / name / "bonds.parquet") for name in ("whole", "wrapped")]
    assert [len(table) for table in tables] == [2, 2]
    assert all(table["bonds_intact"].all() for table in tables)
    # extended XYZ keeps 8 decimals of Å
    np.testing.assert_allclose(tables[0]["bond_energy_eV"], tables[1]["bond_energy_eV"], atol=1e-6)


def test_large_totals_are_judged_by_their_rounding(edges: EdgeEnergies) -> None:
    """At 10^7 eV a float64 total is good to some 1e-8 eV: rounding is no missing energy term."""
    huge = replace(edges, energy=edges.energy + 1e7, shift=edges.shift + 1e7 + 5e-8)
    assert check_sum_rule(huge, ["a", "b", "c"]) > SUM_RULE_TOLERANCE_EV
    with pytest.raises(InputError, match="energy term"):
        check_sum_rule(replace(edges, shift=edges.shift + 5e-8), ["a", "b", "c"])
    with pytest.raises(InputError, match="energy term"):
        check_sum_rule(replace(huge, shift=huge.shift + 1e-6), ["a", "b", "c"])


def test_names_that_would_overwrite_each_other_are_refused(
    model: AnalysisModel, tmp_path: Path
) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "frame.xyz", Atoms("OH2", positions=np.eye(3)), format="extxyz")
    with pytest.raises(InputError, match="must be unique"):
        write_decompositions(
            model,
            [tmp_path / "a" / "frame.xyz", tmp_path / "b" / "frame.xyz"],
            tmp_path / "out",
            run=RUN,
        )
    assert not (tmp_path / "out").exists()


def test_splits_are_those_of_the_first_store(
    model: AnalysisModel, prepared: Any, tmp_path: Path
) -> None:
    """Another store's frames are one set, named by its folder."""
    other = tmp_path / "real_frames" / "store.h5"
    other.parent.mkdir()
    other.write_bytes(prepared.store.read_bytes())
    write_decompositions(
        model, [prepared.store, other], tmp_path / "out", run=RUN, splits=prepared.splits
    )
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"test-conformations", "test-molecules", "real-frames"}
    summary = json.loads((tmp_path / "out" / "real-frames" / "summary.json").read_text())
    with StoreReader(other) as reader:
        assert summary["frames"] == len(reader)


def test_splits_of_another_store_are_refused(
    model: AnalysisModel, prepared: Any, tmp_path: Path
) -> None:
    foreign = pd.read_parquet(prepared.splits).iloc[:-1]
    foreign.to_parquet(tmp_path / "foreign.parquet")
    with pytest.raises(InputError, match="another store"):
        write_decompositions(
            model, [prepared.store], tmp_path / "out", run=RUN, splits=tmp_path / "foreign.parquet"
        )
    assert not (tmp_path / "out").exists()


def test_an_energy_that_is_no_number_is_named(edges: EdgeEnergies) -> None:
    broken = replace(edges, energy=np.where([False, True, False], np.nan, edges.energy))
    with pytest.raises(InputError, match=r"mine.xyz frame 7: the model's energy is nan"):
        check_sum_rule(broken, ["a", "mine.xyz frame 7", "c"])


def test_a_cell_of_no_length_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "water.xyz"
    path.write_text('3\nProperties=species:S:1:pos:R:3 pbc="T T T"\nO 0 0 0\nH 0 0 1\nH 0 1 0\n')
    with pytest.raises(InputError, match="no length"):
        list(from_file(path))
