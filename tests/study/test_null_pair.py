"""The pair potential on sums over pairs, and the tables of fits and of untrained networks."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from e3d import tables
from e3d.errors import InputError
from e3d.evaluate import residuals
from e3d.fields import NAMED_BONDS, TEST_SPLITS
from e3d.fields import Column as C
from e3d.named_bonds import MOLECULES_FILE
from e3d.options import read_yaml
from e3d.pairs import check_sum_rule, pair_up
from e3d.store.reader import StoreReader
from e3d.structures import Structure
from null_fixtures import compare_command, fit_command
from study.cli import main
from study.null.fit import write_tables
from study.null.fitted import Weights
from study.null.names import COARSE, FINE, FITTED, PAIR
from study.null.normal_equations import NormalEquations, by_elements, normal_equations
from study.null.pair_potential import PairPotential, fit
from study.null.splines import INTERVAL_ANG, LOWEST_ANG, Basis
from study.run_settings import RunSettings

if TYPE_CHECKING:
    from model_fixtures import Prepared

R_MAX = 4.0
H, C_, O_ = 1, 6, 8
WELLS = {
    (C_, O_): (6.0, 1.2),
    (H, C_): (4.5, 1.1),
    (H, O_): (4.8, 1.0),
    (H, H): (0.4, 1.8),
    (C_, C_): (4.0, 1.5),
}
ATOMS = {H: -13.5, C_: -1030.0, O_: -2043.0}
Floats = np.ndarray[Any, Any]


def morse(pair: tuple[int, int], r: Floats) -> tuple[Floats, Floats]:
    """Return a Morse well times a smooth cutoff at 4 Å, and its slope."""
    depth, place = WELLS[(min(pair), max(pair))]
    x = np.exp(-2.0 * (r - place))
    value, slope = depth * (x * x - 2 * x), -4.0 * depth * (x * x - x)
    t = r / R_MAX
    cut, cut_slope = (1 - t**4) ** 3, -12 * t**3 * (1 - t**4) ** 2 / R_MAX
    return value * cut, slope * cut + value * cut_slope


def structure(numbers: Sequence[int], positions: Floats) -> Structure:
    """Label a structure with the energy and forces of the Morse wells."""
    z = np.array(numbers)
    energy, forces = float(sum(ATOMS[k] for k in numbers)), np.zeros_like(positions)
    for i in range(len(z)):
        for j in range(i):
            vector = positions[i] - positions[j]
            r = np.linalg.norm(vector)
            if r < R_MAX:
                value, slope = morse((int(z[i]), int(z[j])), r)
                energy += float(value)
                forces[i] -= slope * vector / r
                forces[j] += slope * vector / r
    name = f"made{numbers}"
    return Structure(name, 0, positions, z, name, None, None, energy=energy, forces=forces)


def dimers(a: int, b: int, distances: Floats) -> list[Structure]:
    return [structure([a, b], np.array([[0.0, 0.0, 0.0], [0.0, 0.0, r]])) for r in distances]


def equations(structures: list[Structure], weights: Weights, basis: Basis) -> NormalEquations:
    n_atoms = sum(len(s.atomic_numbers) for s in structures)
    elements = {int(z) for s in structures for z in s.atomic_numbers}
    return normal_equations(
        structures, elements | {H}, ATOMS, basis, weights.per_row(len(structures), n_atoms)
    )


def fitted(structures: list[Structure], weights: Weights | None = None) -> PairPotential:
    both = equations(structures, weights or Weights(4.0, 1.0), Basis(R_MAX))
    return fit(both, both, ATOMS)


def bond_energy(pair: PairPotential, a: Any, b: Any, r: Floats) -> Floats:
    return pair.bond_energies(pd.DataFrame({C.R: r, C.Z_I: a, C.Z_J: b}))


# --- splines


def test_splines_sum_to_one_and_end_smoothly() -> None:
    basis = Basis(5.0)
    assert basis.interval == pytest.approx(INTERVAL_ANG)
    inside = np.linspace(LOWEST_ANG, 5.0 - 3 * basis.interval - 1e-9, 200)
    np.testing.assert_allclose(basis(inside)[1].sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(basis(inside)[2].sum(axis=1), 0.0, atol=1e-11)
    r, step = np.linspace(0.5, 4.9, 100), 1e-6
    up, middle, down = (basis(r + shift) for shift in (step, 0.0, -step))
    same = (up[0] == down[0]).all(axis=1)
    slope = (up[1] - down[1])[same] / (2 * step)
    np.testing.assert_allclose(middle[2][same], slope, atol=1e-7)
    function, value, slope = basis(np.array([5.0 - 1e-7]))
    left = function < basis.size
    assert np.abs(value[left]).max() < 1e-15
    assert np.abs(slope[left]).max() < 1e-10


def test_the_penalty_is_positive_definite_and_leaves_straight_lines_inside_free() -> None:
    basis = Basis(5.0)
    assert np.linalg.eigvalsh(basis.curvature()).min() > 0
    line = np.arange(basis.size, 0.0, -1.0)
    second = np.diff(line, n=2)
    assert line @ basis.curvature() @ line == pytest.approx(
        second @ second + 1.0
    )  # the kink at the end alone


# --- what energies and forces determine


def test_dimers_determine_their_potential() -> None:
    r = np.linspace(0.9, 3.9, 151)
    pair = fitted(dimers(C_, O_, r))
    asked = np.linspace(0.95, 3.8, 40)
    error = np.abs(bond_energy(pair, O_, C_, asked) + morse((C_, O_), asked)[0])
    assert error.max() < 0.02, (
        f"a cubic spline of {INTERVAL_ANG} Å follows the well to {error.max():.1e} eV"
    )
    alone = residuals(pair, dimers(C_, O_, asked))
    assert alone[0]["error"].abs().max() < 0.5 * 1e3 * error.max() + 1e-6  # meV/atom, of two atoms
    assert alone[1]["absolute"].max() < 200.0


def test_a_chain_of_dimers_has_exactly_the_d_of_its_wells() -> None:
    """Dimers farther apart than the cutoff: D of each bond is the well at its length."""
    rng = np.random.default_rng(0)
    chains = []
    for _ in range(60):
        r = rng.uniform(0.95, 1.8, size=4)
        z = np.concatenate(
            [[[0.0, 0.0, 6.0 * k], [0.0, 0.0, 6.0 * k + d]] for k, d in enumerate(r)]
        )
        chains.append(structure([C_, O_] * 4, z))
    asked = np.linspace(1.0, 1.7, 20)
    d = bond_energy(fitted(chains), C_, O_, asked)
    error = np.abs(d + morse((C_, O_), asked)[0])
    assert error.max() < 0.02, error.max()


def _bent(rng: np.random.Generator) -> Structure:
    """A C-O-C-like triatomic: two bonds near 1.2 Å, ends 1.9 to 2.4 Å apart."""
    a, b = rng.uniform(1.1, 1.35, size=2)
    angle = np.radians(rng.uniform(105, 125))
    return structure(
        [C_, O_, C_],
        np.array([[a, 0, 0], [0, 0, 0], [b * np.cos(angle), b * np.sin(angle), 0.0]], dtype=float),
    )


def test_one_composition_leaves_a_constant_between_its_pairs_free() -> None:
    """2 phi_CO + phi_CC and both slopes are fixed; a constant may move from one to the other."""
    rng = np.random.default_rng(1)
    pair = fitted([_bent(rng) for _ in range(200)])
    short, far = np.linspace(1.12, 1.33, 15), np.linspace(1.95, 2.3, 15)
    co = bond_energy(pair, C_, O_, short) + morse((C_, O_), short)[0]
    cc = bond_energy(pair, C_, C_, far) + morse((C_, C_), far)[0]
    assert np.ptp(co) < 0.05, "slopes are fixed by the forces"
    assert np.ptp(cc) < 0.05
    assert abs(2 * co.mean() + cc.mean()) < 0.02, "the sum is fixed by the energies"
    assert abs(co.mean()) > 0.2, "the constant itself is not: the penalty chose it"
    extra = fitted([*(_bent(rng) for _ in range(200)), *dimers(C_, O_, np.linspace(1.0, 3.9, 100))])
    fixed = bond_energy(extra, C_, O_, short) + morse((C_, O_), short)[0]
    assert np.abs(fixed).max() < 0.05, "dimers of one of the pairs fix it"


def test_forces_are_the_slopes_of_energies_also_across_a_cell() -> None:
    rng = np.random.default_rng(2)
    pair = fitted([_bent(rng) for _ in range(50)])
    cell = np.diag([5.0, 5.5, 6.0])
    base = _bent(rng)
    periodic = Structure(
        "cell", 0, base.positions, base.atomic_numbers, "x", None, None, cell=cell, pbc=(True,) * 3
    )

    def energy(positions: Floats) -> float:
        moved = Structure(
            "cell", 0, positions, base.atomic_numbers, "x", None, None, cell=cell, pbc=(True,) * 3
        )
        return float(pair.energies_and_forces(next(iter(pair.batches([moved]))))[0][0])

    forces = pair.energies_and_forces(next(iter(pair.batches([periodic]))))[1]
    step = 1e-5
    for atom, axis in ((0, 0), (1, 2), (2, 1)):
        ends = []
        for sign in (1, -1):
            positions = base.positions.copy()
            positions[atom, axis] += sign * step
            ends.append(energy(positions))
        assert forces[atom, axis] == pytest.approx(-(ends[0] - ends[1]) / (2 * step), abs=1e-5)


def test_edge_energies_add_up_and_are_halves_of_the_pair_energies() -> None:
    rng = np.random.default_rng(4)
    pair = fitted([_bent(rng) for _ in range(50)])
    (batch,) = pair.batches([_bent(rng) for _ in range(3)])
    edges = pair.edge_energies(batch)
    check_sum_rule(edges, ["a", "b", "c"])
    np.testing.assert_array_equal(edges.energy, pair.energies_and_forces(batch)[0])
    pairs = pair_up(edges)
    z = edges.atomic_numbers
    expected = bond_energy(pair, z[pairs.i], z[pairs.j], pairs.r)
    np.testing.assert_allclose(pairs.bond_energy, expected, rtol=0, atol=1e-12)


def test_batches_and_sorting_do_not_change_the_equations() -> None:
    rng = np.random.default_rng(3)
    some = [*(_bent(rng) for _ in range(20)), *dimers(H, O_, np.linspace(0.8, 2.0, 20))]
    weights = Weights(2.0, 0.5)
    one, other = (equations(part, weights, Basis(R_MAX)) for part in (some, some[::-1]))
    np.testing.assert_allclose(one.a, other.a, atol=1e-12 * np.abs(one.a).max())
    c = rng.normal(size=len(one.b))
    dense = one.loss(c)
    direct = 0.0
    pair = replace(fit(one, one, ATOMS), coefficients=c.reshape(-1, one.basis.size))
    n_atoms = sum(len(s.atomic_numbers) for s in some)
    frames, atoms = residuals(pair, some)
    direct += 2.0 * float((frames["error"] ** 2).mean()) * 1e-6
    direct += 0.5 * float((atoms["square"]).sum() / n_atoms) * 1e-6
    assert dense == pytest.approx(direct, rel=1e-9)


def test_no_d_where_training_had_no_such_pair() -> None:
    pair = fitted(dimers(C_, O_, np.linspace(1.1, 1.4, 20)))
    d = bond_energy(pair, C_, O_, np.array([0.45, 1.2, 2.5, 4.5]))
    assert np.isfinite(d).tolist() == [False, True, False, False]
    assert np.isnan(bond_energy(pair, H, O_, np.array([1.0]))).all()
    assert np.isnan(bond_energy(pair, 7, O_, np.array([1.0]))).all()
    assert pair.knows(dimers(C_, O_, np.array([1.2]))[0])
    assert not pair.knows(dimers(H, O_, np.array([1.0]))[0])


# --- files


def test_frames_are_sorted_by_their_elements(prepared: "Prepared") -> None:
    with StoreReader(prepared.store) as reader:
        frames = by_elements(reader, np.arange(0, 1000, 7))
        sets = [tuple(sorted(set(reader.frame(int(k)).atomic_numbers.tolist()))) for k in frames]
    assert sorted(frames.tolist()) == list(range(0, 1000, 7))
    changes = sum(a != b for a, b in pairwise(sets))
    assert changes == len(set(sets)) - 1


@pytest.fixture(scope="module")
def fit_file(prepared: "Prepared") -> Path:
    output = prepared.folder / "null" / "n16.csv"
    assert main(fit_command(prepared, output)) == 0
    return output


def test_the_tables_of_a_fit(fit_file: Path) -> None:
    fits = tables.read(fit_file)
    assert fits["model"].drop_duplicates().tolist() == [null.name for null in FITTED]
    assert set(fits["run"]) == {f"minispice/n16/{null.name}" for null in FITTED}
    assert set(fits["test_set"]) == set(TEST_SPLITS)
    assert fits["seed"].isna().all()
    assert (fits["rank"] <= fits[C.N_PARAMETERS]).all()
    types = tables.read(fit_file.with_name("n16.types.csv"))
    assert set(types["model"]) == {COARSE.name, FINE.name}
    assert set(types["determined"]) <= {"yes", "no"}
    single = types[types[C.N_MOLECULES] == 1]
    assert len(single)
    assert single[f"{C.BOND_ENERGY}_lo"].isna().all()
    bonds = tables.read(fit_file.with_name("n16.bonds.csv"))
    assert set(bonds[C.STRUCTURES]) == {*TEST_SPLITS, NAMED_BONDS}
    coarse = types[types["model"] == COARSE.name].set_index(C.BOND_TYPE)[C.BOND_ENERGY]
    seen = bonds[C.BOND_TYPE].isin(coarse.index)
    assert bonds.loc[~seen, COARSE.column].isna().all()
    np.testing.assert_allclose(
        bonds.loc[seen, COARSE.column],
        bonds.loc[seen, C.BOND_TYPE].map(coarse),
        rtol=1e-9,
    )
    assert bonds[PAIR.column].notna().any()


def test_a_fit_repeats_byte_for_byte_and_refuses_other_splits(
    fit_file: Path,
    prepared: "Prepared",
    tmp_path: Path,
    root: Path,
    input_error: Callable[..., Any],
) -> None:
    named = MOLECULES_FILE
    settings: dict[str, Any] = {
        "dataset": "minispice",
        "energy_weight": 4.0,
        "force_weight": 1.0,
        "r_max": 4.0,
    }

    def write(splits: Path, output: Path) -> None:
        write_tables(prepared.store, prepared.subset, splits, named, output=output, **settings)

    write(prepared.splits, tmp_path / "n16.csv")
    for name in ("n16.csv", "n16.types.csv", "n16.errors.csv", "n16.bonds.csv"):
        assert (tmp_path / name).read_bytes() == fit_file.with_name(name).read_bytes()
    other = tables.read(prepared.splits).iloc[1:]
    tables.write(other, tmp_path / "splits.parquet")
    with input_error("splits.parquet", "another store"):
        write(tmp_path / "splits.parquet", tmp_path / "x.csv")
    assert not (tmp_path / "x.csv").exists()


def test_untrained_networks_are_those_a_training_starts_from(
    prepared: "Prepared", root: Path, tmp_path: Path
) -> None:
    import torch
    from allegro.model import AllegroModel  # type: ignore[import-untyped]
    from nequip.utils.global_state import set_global_state

    from study.null.untrained import FIRST_SEED, build
    from study.train.render import render, statistics

    run_file = prepared.run("minispice/n16/untrained/s0")
    run = RunSettings.from_dict(read_yaml(run_file))
    stats = statistics(prepared.store, prepared.splits, run.architecture.r_max)
    set_global_state()
    config = render(run, stats, tmp_path, {"kernels": "shipped"})["training_module"]["model"]
    start = AllegroModel(**{name: value for name, value in config.items() if name != "_target_"})
    weights = dict(start.named_parameters())
    assert weights
    for name, value in build(run, stats, run.seed)._model.named_parameters():
        assert torch.equal(value, weights[name].double()), name
    output = tmp_path / "untrained.csv"
    named = MOLECULES_FILE
    assert (
        main(["null", "untrained", str(run_file), str(named), "--seeds", "2", "-o", str(output)])
        == 0
    )
    table = tables.read(output)
    assert set(table["seed"]) == {FIRST_SEED, FIRST_SEED + 1}
    first, second = (
        table.loc[table["seed"] == seed, C.BOND_ENERGY].to_numpy()
        for seed in (FIRST_SEED, FIRST_SEED + 1)
    )
    assert np.abs(first - second).max() > 1e-3


@pytest.mark.parametrize("text", ["-1", "inf", "x"])
def test_a_weight_is_a_number_from_zero(text: str) -> None:
    import argparse

    from e3d import options

    assert options.weight("0") == 0.0
    with pytest.raises((argparse.ArgumentTypeError, InputError)):
        options.weight(text)


def test_a_run_whose_d_is_additive_is_no_better_than_additivity(
    fit_file: Path, prepared: "Prepared", tmp_path: Path
) -> None:
    """The command on a run made from the additivity: every difference from that is zero."""
    coarse, output = COARSE.column, tmp_path / "out" / "s0.csv"
    assert main(compare_command(prepared, fit_file, tmp_path, output)) == 0

    compare = tables.read(output)
    assert set(compare["run"]) == {"minispice/n16/made/s0"}
    assert "untrained" not in set(compare["null_model"]), "no table of them was given"
    same = compare[compare["null_model"] == COARSE.name]
    assert {"relaxed", "thermal", *TEST_SPLITS} == set(same[C.GEOMETRY])
    np.testing.assert_allclose(same["difference"], 0.0, atol=1e-9)
    assert set(same["verdict"]) == {"undetermined", "not judged"}
    named = tables.read(output.with_name("s0.named.csv"))
    unknown = ["untrained_eV", "untrained_sd_eV"]
    assert named[unknown].isna().all(axis=None), "columns are those of every run"
    known = named[named[coarse].notna()]
    assert len(known)
    np.testing.assert_allclose(known[coarse], known[C.BOND_ENERGY], rtol=1e-9)
    bonds = tables.read(fit_file.with_name("n16.bonds.csv"))
    relaxed = bonds[bonds[C.STRUCTURES] == NAMED_BONDS]
    relaxed = relaxed.assign(**{C.BOND_ENERGY: relaxed[coarse].fillna(3.0)})
    mean = relaxed.groupby(C.MOLECULE)[C.BOND_ENERGY].mean()
    here = named[named[C.STRUCTURES] == NAMED_BONDS]
    np.testing.assert_allclose(
        here["shuffled_in_molecules_eV"], here[C.MOLECULE].map(mean), rtol=1e-9
    )
    correlation = tables.read(output.with_name("s0.correlations.csv")).set_index("null_model")
    np.testing.assert_allclose(correlation.loc[COARSE.name, "pearson"], 1.0, rtol=1e-9)
