"""Reactivity against known answers: a Morse pair model, whose energies, forces and D are exact."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from e3d.chemistry import fragment_rows, molecule
from e3d.connectivity import bonds_intact
from e3d.edges import EdgeEnergies
from e3d.fields import Store as F
from e3d.graphs import Batch, batches
from e3d.store.convert import write_store
from e3d.store.reader import StoreReader
from e3d.structures import Structure
from e3d.theory import GFN2
from e3d.units import EV_KCAL_MOL
from study.answers.barriers import REACTION, run_table
from study.answers.fields import BARRIER, LABEL
from study.reactivity import command
from study.reactivity.barriers import barrier_table, summary_table
from study.reactivity.coverage import Coverage
from study.reactivity.evaluated import evaluate
from study.reactivity.labelled import LabelledPath, LabelledScan, Labels, read_paths, read_scans
from study.reactivity.paths import crossing, path_tables
from study.reactivity.reactions import (
    TRANSITION1X_THEORY,
    Reaction,
    of_dbh24,
    of_paths,
    of_transition1x,
)
from study.reactivity.scans import first_crossing, scan_summary, scan_table

RESOURCES = Path(__file__).parents[2] / "resources"
FILES = {
    "paths": RESOURCES / "reactions_geometries.hdf5",
    "path_labels": RESOURCES / "reactions.hdf5",
    "scans": RESOURCES / "scans_geometries.hdf5",
    "scan_labels": RESOURCES / "scans.hdf5",
    "references": RESOURCES / "references.hdf5",
}
RUN = {"run": "r", "dataset": "d", "n_train": 1, "model": "m", "seed": 0}
DEPTH, WIDTH, LENGTH = 4.0, 1.9, 0.8
EXACT = 1e-10  # eV: float64 rounding of sums of a few terms below 100 eV is 1e-14 each
FLOAT32 = 2e-6  # Å: positions in files are float32 bohr


def morse(r: Any) -> Any:
    """Return the energy of a pair, eV."""
    return DEPTH * ((1 - np.exp(-WIDTH * (r - LENGTH))) ** 2 - 1)


def slope(r: Any) -> Any:
    """Return dE/dr, eV/Å."""
    x = np.exp(-WIDTH * (r - LENGTH))
    return 2 * DEPTH * WIDTH * x * (1 - x)


class Morse:
    """A potential of Morse pairs, half of each on either directed edge: D = -morse(r) exactly."""

    r_max = 5.0
    facts: Mapping[str, str | int | float] = MappingProxyType({})

    def __init__(self, elements: Iterable[int] = (1, 6, 7, 8, 9, 16, 17)) -> None:
        self._elements = set(elements)

    def knows(self, structure: Structure) -> bool:
        return set(structure.atomic_numbers.tolist()) <= self._elements

    def batches(self, structures: Iterable[Structure]) -> Iterator[Batch]:
        return batches(structures, self.r_max)

    def _edges(self, batch: Batch) -> tuple[Any, Any, Any]:
        i, j = batch.edge_index
        vector = batch.positions[j] - batch.positions[i]
        return i, vector, np.linalg.norm(vector, axis=1)

    def energies_and_forces(self, batch: Batch) -> tuple[Any, Any]:
        i, vector, r = self._edges(batch)
        energy = np.bincount(batch.frame[i], morse(r) / 2, minlength=len(batch.structures))
        forces = np.zeros_like(batch.positions)
        np.add.at(forces, i, (slope(r) / r)[:, None] * vector)
        return energy, forces

    def edge_energies(self, batch: Batch) -> EdgeEnergies:
        i, _, r = self._edges(batch)
        n = len(batch.structures)
        energy = np.bincount(batch.frame[i], morse(r) / 2, minlength=n)
        return EdgeEnergies.of(batch, eps=morse(r) / 2, length=r, energy=energy, shift=np.zeros(n))


def line(*x: float, smiles: str = "[H:1][H:2].[H:3]", label: str = "line") -> Structure:
    """Return hydrogens along a line."""
    positions = np.array([[value, 0.0, 0.0] for value in x])
    known = molecule(smiles)
    return Structure(
        label, 0, positions, np.ones(len(x), dtype=np.int64), known.smiles, smiles, known.bonds
    )


def energy_of(*x: float) -> float:
    """Return the exact energy of hydrogens along a line."""
    return float(
        sum(morse(b - a) for k, a in enumerate(x) for b in x[k + 1 :] if b - a < Morse.r_max)
    )


def test_d_of_frames_of_different_sizes() -> None:
    one, other = evaluate(Morse(), [line(0.0, 0.8, smiles="[H:1][H:2]"), line(0.0, 1.0, 7.0)])
    np.testing.assert_allclose(one.bond_energy, [[0, -morse(0.8)], [0, 0]], atol=EXACT)
    expected = np.zeros((3, 3))  # the third atom is beyond the cutoff
    expected[0, 1] = -morse(1.0)
    np.testing.assert_allclose(other.bond_energy, expected, atol=EXACT)


def exchange() -> LabelledPath:
    """Return H2 + H -> H + H2 along a line, with labels 0.1 eV times the image above the model."""
    xs = [(0.0, 0.8 + s, 2.6) for s in np.linspace(0, 1, 5)]
    energy = np.array([energy_of(*x) for x in xs])
    labels = Labels(
        "A", energy + 0.1 * np.arange(5), np.zeros((5, 3, 3)), np.zeros((5, 3, 3)), ("RKS",) * 5
    )
    images = tuple(line(*x) for x in xs)
    product = molecule("[H:1].[H:2][H:3]")
    return LabelledPath("exchange", product, images, np.linspace(0, 1, 5), 2, 2 * energy, labels)


def test_barriers_and_their_split_are_exact() -> None:
    path = exchange()
    (reaction,) = of_paths([path], "A")
    reaction = replace(reaction, reference_eV=(1.0, 2.0), reference="B")
    table, skipped = barrier_table(Morse(), [reaction], None)
    assert not skipped
    exact = energy_of(0.0, 1.3, 2.6) - energy_of(0.0, 0.8, 2.6)
    np.testing.assert_allclose(table["model_eV"], [exact, exact], atol=EXACT)
    np.testing.assert_allclose(table["error_model_eV"], [-0.2, 0.2], atol=EXACT)
    np.testing.assert_allclose(
        table["error_level_eV"], [exact + 0.2 - 1.0, exact - 0.2 - 2.0], atol=EXACT
    )
    split = table["error_model_eV"] + table["error_level_eV"]
    np.testing.assert_allclose(table["error_total_eV"], split, atol=EXACT)


def test_another_level_of_theory_is_no_error_of_the_model() -> None:
    path = exchange()
    (own,) = of_paths([path], "GFN2-xTB")
    assert own.label_eV == pytest.approx(
        (2 * (path.labels.energy[2] - path.labels.energy[0] - 0.2),) * 2, abs=EXACT
    )
    assert own.reference == "A"
    (other,) = of_paths([path], "B")
    assert np.isnan(other.label_eV).all()
    table, _ = barrier_table(Morse(), [other], None)
    assert table["error_model_eV"].isna().all()
    assert table["error_total_eV"].notna().all()


def reactions_with_errors(errors: Iterable[float]) -> list[Reaction]:
    (base,) = of_paths([exchange()], "A")
    table, _ = barrier_table(Morse(), [base], None)
    model = table["model_eV"].iloc[0]
    return [
        replace(base, name=str(k), label_eV=(model - e, model - e)) for k, e in enumerate(errors)
    ]


def test_summary_means_and_intervals() -> None:
    errors = [0.3, -0.1, 0.2]
    table, _ = barrier_table(Morse(), reactions_with_errors(errors), None)
    (row,) = summary_table(table, {"unimolecular": 4}).to_dict("records")
    assert row["mae_model_eV"] == pytest.approx(0.2, abs=EXACT)
    assert row["bias_model_eV"] == pytest.approx(np.mean(errors), abs=EXACT)
    assert row["mae_model_eV_hi"] - row["mae_model_eV"] == pytest.approx(
        4.302652729911275
        * np.std([0.3, 0.1, 0.2], ddof=1)
        / np.sqrt(3)  # Student's t, two degrees of freedom
    )
    assert (row["n_reactions"], row["n_barriers"], row["n_skipped"]) == (3, 6, 4)
    labels = -np.array(errors)
    others = [labels[k] - np.delete(labels, k).mean() for k in range(3)]
    assert row["mae_mean_barrier_eV"] == pytest.approx(np.mean(np.abs(others)), abs=EXACT)
    assert np.isnan(row["mae_level_eV"])  # no reference: not zero


def test_one_reaction_has_no_interval() -> None:
    table, _ = barrier_table(Morse(), reactions_with_errors([0.1]), None)
    (row,) = summary_table(table, {}).to_dict("records")
    assert np.isnan(row["mae_model_eV_lo"])


def test_unknown_elements_are_counted_not_guessed() -> None:
    paths = read_paths(FILES["paths"], FILES["path_labels"])
    table, skipped = barrier_table(Morse([1, 6, 8]), of_paths(paths, ""), None)
    without = [
        path.name
        for path in paths
        if not set(path.structures[0].atomic_numbers.tolist()) <= {1, 6, 8}
    ]
    assert without
    assert skipped == {"unimolecular": len(without)}
    assert not set(table["reaction"]) & set(without)


def scan(bond: tuple[int, int] = (0, 1)) -> LabelledScan:
    """Return a stretched H2 whose labels are the exact curve at twice the depth."""
    r = np.array([0.6, 0.7, 0.8, 1.0, 1.5, 2.5])
    forces = np.zeros((6, 2, 3))
    forces[:, 1, 0] = -2 * slope(r)
    forces[:, 0, 0] = 2 * slope(r)
    structures = tuple(line(0.0, x, smiles="[H:1][H:2]") for x in r)
    return LabelledScan(
        "H-H",
        bond,
        structures,
        r,
        2,
        Labels("A", 2 * morse(r) - 30.0, forces, np.zeros((6, 2, 2)), ("RKS",) * 6),
    )


def test_morse_scan_has_exact_bond_energy_and_force() -> None:
    known = Coverage(5.0)
    for r in (0.75, 0.8, 0.9):
        known.add(line(0.0, r, smiles="[H:1][H:2]"))
    table = scan_table(Morse(), [scan()], known, "A")
    r = table["r_ang"].to_numpy()
    np.testing.assert_allclose(table["bond_energy_eV"], -morse(r), atol=EXACT)
    np.testing.assert_allclose(table["force_eV_per_ang"], -slope(r), atol=EXACT)
    np.testing.assert_allclose(table["energy_eV"], morse(r) - morse(0.8), atol=EXACT)
    np.testing.assert_allclose(table["label_energy_eV"], 2 * table["energy_eV"], atol=EXACT)
    np.testing.assert_allclose(
        table["label_force_eV_per_ang"], 2 * table["force_eV_per_ang"], atol=EXACT
    )
    assert table["within_training_range"].tolist() == [False, False, True, False, False, False]
    (row,) = scan_summary(table).to_dict("records")
    assert (row["n_shorter"], row["n_inside"], row["n_longer"]) == (2, 1, 3)
    assert row["energy_mae_longer_eV"] == pytest.approx(
        (morse(r[3:]) - morse(0.8)).mean(), abs=EXACT
    )
    assert np.isnan(row["energy_mae_inside_eV"])  # the relaxed point alone: agreement by definition
    assert row["half_bond_energy_ang"] == pytest.approx(_half(r[2:]), abs=EXACT)


def _half(r: Any) -> float:
    d = -morse(r)
    k = int(np.flatnonzero(d <= DEPTH / 2)[0])
    return float(np.interp(-DEPTH / 2, [-d[k - 1], -d[k]], [r[k - 1], r[k]]))


def test_force_along_a_bond_is_minus_the_slope_of_a_rigid_stretch() -> None:
    """The stretched molecules' own energies must have the force's slope (Morse pairs, 12 bonds)."""
    scans = read_scans(FILES["scans"], FILES["scan_labels"])
    for one in scans:
        k, h = one.relaxed + 3, 1e-4
        i, j = one.bond
        base = one.structures[k]
        axis = base.positions[j] - base.positions[i]
        rows = fragment_rows(base.mapped_smiles or "", one.bond)
        energies = []
        for sign in (1, -1):
            moved = base.positions.copy()
            moved[rows] += sign * h * axis / np.linalg.norm(axis)
            energies.append(
                Morse().energies_and_forces(
                    next(Morse().batches([replace(base, positions=moved)]))
                )[0][0]
            )
        expected = -(energies[0] - energies[1]) / (2 * h)
        table = scan_table(Morse(), [one], None, "")
        assert table["force_eV_per_ang"].iloc[k] == pytest.approx(expected, abs=1e-4), one.name


def test_breaking_and_forming_bonds_are_read_off_exactly() -> None:
    table, changes = path_tables(Morse(), [exchange()], None, "A")
    (row,) = changes.to_dict("records")
    assert (row["n_breaking"], row["n_forming"], row["n_fall"], row["n_rise"]) == (1, 1, 1, 1)
    assert row["read_off_bond_energy"] == "yes"
    assert row["crossing_bond_energy"] == pytest.approx(
        0.5, abs=EXACT
    )  # the path is its own mirror image
    assert row["crossing_pauling"] == pytest.approx(0.5, abs=EXACT)
    breaking = table[table["role"] == "breaking"]
    np.testing.assert_allclose(breaking["bond_energy_eV"], -morse(breaking["r_ang"]), atol=EXACT)


class Blind(Morse):
    """Puts the same energy on edges whatever bonds there are: D says nothing."""

    def edge_energies(self, batch: Batch) -> EdgeEnergies:
        edges = super().edge_energies(batch)
        total = np.zeros_like(edges.eps)
        outer = (
            np.abs(batch.edge_index[0] - batch.edge_index[1]) == 2
        )  # all of it on the pair of the ends
        frames = batch.frame[batch.edge_index[0]]
        total[outer] = edges.energy[frames[outer]] / 2
        return replace(edges, eps=total)


def test_a_decomposition_that_puts_energy_elsewhere_is_not_read_off() -> None:
    _, changes = path_tables(Blind(), [exchange()], None, "A")
    (row,) = changes.to_dict("records")
    assert row["n_fall"] == row["n_rise"] == 0
    assert np.isnan(row["crossing_bond_energy"])


def test_crossing_is_interpolated_and_unknown_where_an_end_is_no_bond() -> None:
    x = np.array([0.0, 0.5, 1.0])
    course = np.array([[2.0, 0.0, 1.0], [1.5, 0.5, 0.0], [0.0, 1.0, -1.0]])
    first, second, third = np.eye(3, dtype=bool)
    assert crossing(x, course, first, second) == pytest.approx(0.5 + 0.5 * 0.25 / 1.25)
    assert np.isnan(crossing(x, course, first, third))
    assert np.isnan(crossing(x, course, np.zeros(3, dtype=bool), second))
    assert np.isnan(first_crossing(x, np.array([1.0, 0.5, 0.2])))


def test_coverage_marks_what_no_training_frame_shows() -> None:
    known = Coverage(5.0)
    known.add(line(0.0, 0.8, smiles="[H:1][H:2]"))
    assert known.covers(line(0.0, 0.83, smiles="[H:1][H:2]"))
    assert not known.covers(line(0.0, 1.1, smiles="[H:1][H:2]"))
    assert known.trained_on([line(0.0, 1.1, smiles="[H:1][H:2]")])
    table, _ = barrier_table(Morse(), of_paths([exchange()], "A"), known)
    assert table["extrapolation"].tolist() == [True, True]


def test_dbh24_barriers_are_those_of_the_published_table() -> None:
    table = pd.read_csv(RESOURCES / "label_level_barriers.csv")
    found = {reaction.name: reaction for reaction in of_dbh24(FILES["references"], "")}
    assert set(found) == set(table["reaction"])
    for row in table.itertuples():
        own = found[str(row.reaction)]
        expected = np.array([row.forward_kcal_mol, row.backward_kcal_mol]) / EV_KCAL_MOL
        np.testing.assert_allclose(
            own.label_eV, expected, atol=1e-4
        )  # the table has three digits of kcal/mol
        reference = (
            np.array([row.reference_forward_kcal_mol, row.reference_backward_kcal_mol])
            / EV_KCAL_MOL
        )
        np.testing.assert_allclose(own.reference_eV, reference, atol=EXACT)
    assert sum(reaction.open_shell for reaction in found.values()) == 8


def test_shipped_paths_are_consistent() -> None:
    """Ends have the bonds of reactant and product, saddles one negative mode, images labels."""
    paths = read_paths(FILES["paths"], FILES["path_labels"])
    assert {path.labels.level for path in paths} == {"wB97M-D3(BJ)/def2-TZVPPD"}
    with h5py.File(FILES["paths"]) as file:
        for path in paths:
            first, last = path.structures[0], path.structures[-1]
            assert first.intact, path.name
            bonds = path.product.bond_index
            assert bonds_intact(last.positions[None], last.atomic_numbers, bonds).all(), path.name
            assert np.isfinite(path.labels.energy).all(), path.name
            assert len(file[path.name]["negative_modes"]) == 1, path.name
            assert int(path.xtb_energy.argmax()) == path.saddle, path.name
            assert (np.diff(path.coordinate) > 0).all(), path.name
            # a barrier at the labels' level too
            assert min(path.barriers(path.labels.energy)) > 0, path.name


def test_shipped_scans_are_consistent() -> None:
    """Labelled forces are the slope of the labelled energies, where points are dense."""
    scans = read_scans(FILES["scans"], FILES["scan_labels"])
    for one in scans:
        table = scan_table(Morse(), [one], None, "")
        k, r = one.relaxed, one.r
        x, e = r[k - 1 : k + 3], one.labels.energy[k - 1 : k + 3]
        slope_there = np.polynomial.Polynomial.fit(x, e, 3).deriv()(r[k])
        assert table["label_force_eV_per_ang"].iloc[k] == pytest.approx(-slope_there, abs=0.15), (
            one.name
        )
        assert min(r) == pytest.approx(min(0.8, 0.75 * r[k]), abs=FLOAT32)
        assert max(r) == pytest.approx(3.0, abs=FLOAT32)


def t1x(path: Path, *, view: str, n: int = 2, without: str = "") -> Path:
    """Write reactions in Transition1x's layout: H3 along a line, energies 1, 2.5 and 1.5 eV."""
    with h5py.File(path, "w") as file:
        for root in {"data", view}:
            for k in range(n if root == "data" else 1):
                group = file.create_group(f"{root}/H3/rxn{k}")
                for name, energy, x in (
                    ("reactant", 1.0, (0, 0.8, 2.6)),
                    ("transition_state", 2.5, (0, 1.3, 2.6)),
                    ("product", 1.5, (0, 1.8, 2.6)),
                ):
                    if name != without:
                        single = group.create_group(name)
                        single["atomic_numbers"] = np.ones(3, dtype=np.int64)
                        single["positions"] = np.array([[[v, 0.0, 0.0] for v in x]])
                        single["wB97x_6-31G(d).energy"] = np.array([energy])
    return path


def test_transition1x_barriers(tmp_path: Path) -> None:
    (one,) = of_transition1x(
        t1x(tmp_path / "a.h5", view="test"), TRANSITION1X_THEORY
    )  # the test split alone
    assert one.label_eV == (1.5, 1.0)
    table, _ = barrier_table(Morse(), [one], None)
    exact = energy_of(0.0, 1.3, 2.6) - energy_of(0.0, 0.8, 2.6)
    np.testing.assert_allclose(table["model_eV"], [exact, exact], atol=EXACT)
    assert len(list(of_transition1x(t1x(tmp_path / "b.h5", view="data"), ""))) == 2
    assert not list(of_transition1x(t1x(tmp_path / "c.h5", view="data", without="product"), ""))


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return the command with a model of Morse pairs and the shipped files."""

    def run(model: Morse | None = None, **files: Path | None) -> None:
        monkeypatch.setattr(command, "load_model", lambda path, device: model or Morse())
        known: dict[str, Any] = FILES | {"transition1x": None, "store": None, "subset": None}
        rest: dict[str, Any] = {"run": RUN, "device": "cpu", "output": tmp_path / "r.csv"}
        rest["theory"] = ""
        command.write_tables(model=FILES["paths"], **known | files | rest)

    return run


def test_tables_of_a_run(write: Callable[..., None], tmp_path: Path) -> None:
    write(transition1x=t1x(tmp_path / "t1x.h5", view="test"))
    for name in ("", ".summary", ".scans", ".scan_errors", ".paths", ".path_changes"):
        table = pd.read_csv(tmp_path / f"r{name}.csv")
        assert list(table.columns[:5]) == list(RUN)
        assert len(table)
        assert (tmp_path / f"r{name}.csv.provenance.json").is_file()
    assert set(pd.read_csv(tmp_path / "r.csv")["set"]) == {"unimolecular", "dbh24", "transition1x"}


def test_tables_without_rows_have_columns(write: Callable[..., None], tmp_path: Path) -> None:
    write(Morse([1]), transition1x=t1x(tmp_path / "t1x.h5", view="test"))  # hydrogen alone
    assert len(pd.read_csv(tmp_path / "r.scans.csv"))
    for name, column in (("paths", "bond_energy_eV"), ("path_changes", "read_off_mayer")):
        table = pd.read_csv(tmp_path / f"r.{name}.csv")
        assert table.empty
        assert column in table.columns


def test_a_model_that_knows_no_reaction_has_empty_tables(
    write: Callable[..., None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(Morse([2]))  # helium
    assert "no reaction, scan or path" in caplog.text
    for name in ("", ".summary", ".scans", ".scan_errors", ".paths", ".path_changes"):
        table = pd.read_csv(tmp_path / f"r{name}.csv")
        assert table.empty or not table.filter(like="mae").notna().to_numpy().any()
        assert list(table.columns[:5]) == list(RUN)


def test_errors_are_one_line(
    write: Callable[..., None], tmp_path: Path, input_error: Callable[..., Any]
) -> None:
    with input_error("--store and --subset go together"):
        write(store=tmp_path / "store.h5")
    assert not list(tmp_path.iterdir())
    with input_error("no such file"):
        write(scans=tmp_path / "none.hdf5")
    with input_error("lacks", "product_smiles"):
        write(paths=FILES["scans"])
    with input_error("other geometries"):
        moved = tmp_path / "moved.hdf5"
        moved.write_bytes(FILES["path_labels"].read_bytes())
        with h5py.File(moved, "r+") as file:
            file["HCN -> HNC/conformations"][0, 0, 0] += 0.1
        write(path_labels=moved)
    with input_error("labels none of", "HCN -> HNC"):
        write(path_labels=FILES["scan_labels"])
    with h5py.File(moved, "r+") as file:
        file["HCN -> HNC/sample_index"][-1] = 99
    with input_error("other geometries"):
        write(path_labels=moved)
    with input_error("no transition state of DBH24"):
        list(of_dbh24(FILES["scan_labels"], ""))
    with input_error("no group /data or /test"):
        list(of_transition1x(FILES["scan_labels"], ""))


def test_paths_without_labels_have_the_energies_they_were_found_by() -> None:
    by_gfn2 = read_paths(FILES["paths"])
    labelled = {path.name: path for path in read_paths(FILES["paths"], FILES["path_labels"])}
    assert {path.name for path in by_gfn2} == set(labelled)
    for path in by_gfn2:
        assert path.labels.level == GFN2.name
        np.testing.assert_array_equal(path.labels.energy, labelled[path.name].xtb_energy)
        assert np.isnan(path.labels.forces).all()


def test_barriers_of_a_run_know_on_which_reactions_it_was_trained(tmp_path: Path) -> None:
    store = tmp_path / "store.h5"
    write_store(FILES["path_labels"], store)
    (with_path, without) = read_paths(FILES["paths"])[:2]
    with StoreReader(store) as reader:
        rows = [reader.molecule_smiles[int(row)] for row in reader[F.MOLECULE]]
        own = np.array([one == with_path.structures[0].smiles for one in rows])
        table = run_table(Morse(), [FILES["paths"]], reader, np.flatnonzero(own))
    assert table.groupby(REACTION[0])["in_training"].first()[with_path.name]
    assert not table.groupby(REACTION[0])["in_training"].first()[without.name]
    assert table[LABEL].isna().all()  # of another level of theory than the store's
    forward = table[(table[REACTION[0]] == with_path.name) & (table[REACTION[1]] == "forward")]
    energies = [item.energy for item in evaluate(Morse(), with_path.structures)]
    barrier = energies[with_path.saddle] - energies[0]
    assert forward[BARRIER].item() == pytest.approx(barrier, abs=EXACT)
