"""Laws that every model must obey: sound ones pass, and each kind of mistake fails its own law."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import yaml
from ase.build import bulk

from e3d import tables
from e3d.arrays import Floats
from e3d.edges import EdgeEnergies
from e3d.errors import InputError
from e3d.fields import RUN_COLUMNS
from e3d.fields import Column as C
from e3d.graphs import Batch
from e3d.models.pair_potential import load_pair_potential
from e3d.options import read_yaml
from e3d.potential import EdgePotential
from e3d.structures import Structure, from_atoms, structures_of
from model_fixtures import NAMED, Prepared
from study.collect import collect_tables
from study.figures.draw import draw
from study.findings.sections import write_findings
from study.run_settings import RunSettings
from study.soundness import fields
from study.soundness.findings import sentences
from study.soundness.laws import Deviation, check_laws, largest
from study.soundness.tables import write_table
from study.soundness.verdicts import reasons
from study.stages import LAWS_TABLE, of_sound_runs, stacked
from study.train.retry import Attempt, attempts, diverged
from study.train.training import train
from study_tables import save_tables, study

if TYPE_CHECKING:
    from e3d.models import AnalysisModel

ONE = dict(zip(map(str, RUN_COLUMNS), ("a/n8/nano/s0", "a", 8, "nano", 0), strict=True))
TWO = dict(zip(map(str, RUN_COLUMNS), ("a/n8/nano/s1", "a", 8, "nano", 1), strict=True))
GIVEN = dict(zip(map(str, RUN_COLUMNS), ("given/x", "b", 9, "x", 0), strict=True))


# --- laws


class Mutant(EdgePotential):
    """A sound model with a term of its own on its energy, forces and edges."""

    def __init__(
        self,
        model: EdgePotential,
        energy: Callable[[Batch, Floats], Floats] = lambda _, energy: energy,
        forces: Callable[[Batch, Floats], Floats] = lambda _, forces: forces,
        eps: Callable[[Batch, Floats], Floats] = lambda _, eps: eps,
    ) -> None:
        self._model, self._energy, self._forces, self._eps = model, energy, forces, eps

    @property
    def r_max(self) -> float:
        return self._model.r_max

    def knows(self, structure: Structure) -> bool:
        return self._model.knows(structure)

    def energies_and_forces(self, batch: Batch) -> tuple[Floats, Floats]:
        energy, forces = self._model.energies_and_forces(batch)
        return self._energy(batch, energy), self._forces(batch, forces)

    def edge_energies(self, batch: Batch) -> EdgeEnergies:
        edges = self._model.edge_energies(batch)
        eps, energy = self._eps(batch, edges.eps), self._energy(batch, edges.energy)
        return replace(edges, eps=eps, energy=energy)


def on_frames(batch: Batch, of_atoms: Floats) -> Floats:
    """Sum what atoms have over the atoms of each frame."""
    return np.add.reduceat(of_atoms, batch.frame_ptr[:-1])


def on_edges(batch: Batch, of_atoms: Floats) -> Floats:
    """Share what atoms have among the edges they are the centre of."""
    centre = batch.edge_index[0]
    return (of_atoms / np.bincount(centre, minlength=len(of_atoms)))[centre]


def field(batch: Batch) -> Floats:
    """Energy of atoms in a potential that grows along z, eV."""
    return 1e-3 * batch.positions[:, 2] ** 2


def numbered(batch: Batch) -> Floats:
    """Energy of atoms by their place in the list, eV."""
    return 1e-3 * (np.arange(len(batch.positions)) - batch.frame_ptr[:-1][batch.frame])


def crowd(batch: Batch) -> Floats:
    """Energy of atoms by how many there are in the whole frame, eV."""
    return 1e-3 * np.diff(batch.frame_ptr)[batch.frame].astype(float)


def handed(batch: Batch) -> Floats:
    """Energy of frames that changes its sign in a mirror, eV."""
    found = []
    for one in batch.structures:
        x = one.positions - one.positions.mean(axis=0)
        r = np.linalg.norm(x, axis=1)
        found.append(np.linalg.det([(r**k) @ x for k in (1, 2, 3)]))
    return 1e-4 * np.array(found)


def with_term(model: EdgePotential, term: Callable[[Batch], Floats]) -> Mutant:
    """Give atoms a further energy, on their edges too, but no forces."""
    return Mutant(
        model,
        energy=lambda batch, energy: energy + on_frames(batch, term(batch)),
        eps=lambda batch, eps: eps + on_edges(batch, term(batch)),
    )


def forces_of_field(batch: Batch, forces: Floats) -> Floats:
    return forces - np.array([0, 0, 2e-3]) * batch.positions


def one_edge_less(_: Batch, eps: Floats) -> Floats:
    return np.where(np.arange(len(eps)) == 0, 0.0, eps)


MOVES = {fields.ROTATION, fields.REFLECTION, fields.TRANSLATION}
MISTAKES: dict[str, tuple[Callable[[EdgePotential], EdgePotential], set[str]]] = {
    "no": (lambda model: model, set()),
    "scaled forces": (
        lambda model: Mutant(model, forces=lambda _, forces: 1.0001 * forces),
        {fields.GRADIENT},
    ),
    "opposite forces": (
        lambda model: Mutant(model, forces=lambda _, forces: -forces),
        {fields.GRADIENT},
    ),
    "an edge that is not counted": (
        lambda model: Mutant(model, eps=one_edge_less),
        {fields.SUM_RULE, fields.PERMUTATION},
    ),
    "energies in float32": (
        lambda model: Mutant(model, energy=lambda _, e: e.astype(np.float32).astype(float)),
        {fields.SUM_RULE, fields.GRADIENT},
    ),
    "a potential outside": (
        lambda model: Mutant(
            model,
            energy=lambda batch, energy: energy + on_frames(batch, field(batch)),
            forces=forces_of_field,
            eps=lambda batch, eps: eps + on_edges(batch, field(batch)),
        ),
        MOVES,
    ),
    "left and right": (
        lambda model: Mutant(model, energy=lambda batch, energy: energy + handed(batch)),
        {fields.SUM_RULE, fields.GRADIENT, fields.REFLECTION},
    ),
    "the order of the atoms": (lambda model: with_term(model, numbered), {fields.PERMUTATION}),
    "all atoms at once": (lambda model: with_term(model, crowd), {fields.LOCALITY}),
    "no number": (
        lambda model: Mutant(model, eps=lambda _, eps: np.full_like(eps, np.nan)),
        {fields.FINITE},
    ),
}


def broken(found: Sequence[Deviation]) -> set[str]:
    return {one.law for one in found if not one.obeyed}


@pytest.fixture
def untrained(build_model: Callable[..., "AnalysisModel"]) -> "AnalysisModel":
    return build_model(l_max=2, num_layers=2)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_breaks_its_law_and_no_other(
    mistake: str, untrained: "AnalysisModel", molecules: dict[str, Structure]
) -> None:
    make, expected = MISTAKES[mistake]
    rng = np.random.default_rng(0)
    rattled = [
        replace(one, positions=one.positions + 0.1 * rng.normal(size=one.positions.shape))
        for one in (molecules[name] for name in ("CCO", "CC=O"))
    ]
    found = check_laws(make(untrained), rattled, rng)
    assert broken(found) == expected, found
    if mistake == "no number":
        assert [one.law for one in found] == [fields.FINITE], "nothing else can be checked"


def test_solids_and_molecules_of_two_atoms_obey_all_laws(tmp_path: Path) -> None:
    """Images of one atom, cells that are mirrored, and atoms without a place beyond the cutoff."""
    pairs = {"Al-Al": {"depth_eV": 0.3, "length_ang": 2.8, "steepness_per_ang": 1.2}}
    file = tmp_path / "aluminium.pair.yaml"
    file.write_text(yaml.safe_dump({"r_max_ang": 5.0, "pairs": pairs}))
    model = load_pair_potential(file, "cpu")
    rng = np.random.default_rng(0)
    solid = bulk("Al", cubic=True)
    solid.rattle(0.1, seed=1)
    (pair,) = structures_of([bulk("Al", cubic=True)[:2]])
    alone = replace(pair, cell=None, pbc=(False,) * 3)
    for structure in (from_atoms(solid), from_atoms(bulk("Al")), alone):
        found = check_laws(model, [structure], rng)
        assert not broken(found), found


def test_the_largest_deviation_is_that_nearest_to_its_limit() -> None:
    def of(value: float, limit: float) -> Deviation:
        return Deviation(fields.LOCALITY, "energy", value, limit, "eV")

    assert largest([of(1.0, 10.0), of(0.5, 1.0)]) == [of(0.5, 1.0)]
    assert broken(largest([of(0.5, 1.0), of(np.nan, 1.0), of(0.9, 1.0)])) == {fields.LOCALITY}
    assert of(0.0, 0.0).obeyed
    assert not of(1e-300, 0.0).obeyed


# --- the table of one run


def test_the_table_of_a_trained_model(prepared: Prepared, trained: Path, tmp_path: Path) -> None:
    arguments: dict[str, Any] = {
        "store": prepared.store,
        "tests": [prepared.store],
        "splits": prepared.splits,
        "named": NAMED,
        "run": prepared.run(),
    }
    of_training = {"subset": prepared.subset, "config": trained / "nequip.yaml"}
    write_table(trained / "model.ckpt", output=tmp_path / "a.csv", **arguments, **of_training)
    found = tables.read(tmp_path / "a.csv")
    assert found[fields.LAW].to_list() == list(fields.LAWS)
    learned = found[fields.LAW] == fields.LEARNED
    assert found.loc[~learned, fields.OBEYED].eq("yes").all(), found.to_string()
    assert found.loc[learned, fields.OBEYED].eq("no").all(), "sixty steps are too few for that"
    assert found[fields.AGAIN_AT].isna().all()
    write_table(trained / "model.ckpt", output=tmp_path / "b.csv", **arguments, **of_training)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    write_table(trained / "model.ckpt", output=tmp_path / "given.csv", **arguments)
    laws = tables.read(tmp_path / "given.csv")[fields.LAW].to_list()
    assert laws == [law for law in fields.LAWS if law != fields.LEARNED]


# --- tables of the study leave a broken run out


def laws_of(run: dict[str, Any], *, value: float = 1e-12, again_at: float = np.nan) -> pd.DataFrame:
    row = {
        fields.LAW: fields.SUM_RULE,
        fields.QUANTITY: "energy",
        fields.DEVIATION: value,
        fields.LIMIT: 1e-8,
        fields.UNIT: "eV",
        fields.OBEYED: "yes" if value <= 1e-8 else "no",
        fields.AGAIN_AT: again_at,
    }
    return tables.with_run(pd.DataFrame([row]), run)


def every_law(run: dict[str, Any], *, value: float = 1e-12) -> pd.DataFrame:
    """The table of a run that may break one law."""
    others = [law for law in fields.LAWS if law != fields.SUM_RULE]
    rows = [laws_of(run).assign(**{fields.LAW: law}) for law in others]
    return pd.concat([*rows, laws_of(run, value=value)], ignore_index=True)


@pytest.fixture
def stack(tmp_path: Path) -> Callable[..., pd.DataFrame]:
    """Stack tables of runs, by their deviation from a law."""

    def make(*runs: tuple[dict[str, Any], float], may_be_empty: bool = False) -> pd.DataFrame:
        paths = []
        for k, (run, value) in enumerate(runs):
            paths.append(tmp_path / f"{k}.csv")
            tables.write(tables.with_run(pd.DataFrame({"x": [1.0]}), run), paths[-1])
            tables.write(every_law(run, value=value), tmp_path / "laws" / f"{run['run']}.csv")
        output = tmp_path / "all.csv"
        collect_tables(paths, output, laws=tmp_path / "laws", may_be_empty=may_be_empty)
        return tables.read(output)

    return make


def test_a_run_that_breaks_a_law_is_in_no_stacked_table(
    stack: Callable[..., pd.DataFrame],
) -> None:
    assert stack((ONE, 1e-12), (TWO, 0.5))[C.RUN].to_list() == [ONE["run"]]
    assert len(stack((ONE, 1e-12), (TWO, 1e-12))) == 2


def test_a_study_whose_every_run_breaks_a_law_ends_in_one_line(
    stack: Callable[..., pd.DataFrame], input_error: Any
) -> None:
    with input_error("every model breaks a law", "2 runs", "miss its total energy by 0.5 eV"):
        stack((ONE, 0.5), (TWO, 0.5))
    with input_error("every model breaks a law"):  # what compares runs of the grid has none
        stack((ONE, 0.5), (GIVEN, 1e-12))
    assert stack((ONE, 1e-12), (GIVEN, 0.5))[C.RUN].to_list() == [ONE["run"]]
    empty = stack((ONE, 0.5), may_be_empty=True)
    assert empty.empty
    assert "x" in empty


def test_without_its_laws_a_run_is_not_stacked(
    stack: Callable[..., pd.DataFrame], tmp_path: Path, input_error: Any
) -> None:
    stack((ONE, 1e-12))
    (tmp_path / "laws" / f"{ONE['run']}.csv").unlink()
    with input_error("s0.csv: no such table"):
        collect_tables([tmp_path / "0.csv"], tmp_path / "all.csv", laws=tmp_path / "laws")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda laws: laws.assign(run=TWO["run"], seed=TWO["seed"]), "has rows of run"),
        (lambda laws: laws.iloc[:0], "lacks the law 'finite numbers'"),
        (lambda laws: laws.iloc[:2], "lacks the law 'sum rule'"),
        (lambda laws: laws.assign(obeyed="False"), "obeyed is 'False', neither yes nor no"),
    ],
    ids=["another run", "no rows", "two rows", "another word"],
)
def test_laws_are_those_of_the_run(
    change: Callable[[pd.DataFrame], pd.DataFrame],
    message: str,
    stack: Callable[..., pd.DataFrame],
    tmp_path: Path,
    input_error: Any,
) -> None:
    stack((ONE, 1e-12))
    path = tmp_path / "laws" / f"{ONE['run']}.csv"
    tables.write(change(tables.read(path)), path)
    with input_error("s0.csv", message):
        collect_tables([tmp_path / "0.csv"], tmp_path / "all.csv", laws=tmp_path / "laws")


def test_laws_are_those_of_the_model(tmp_path: Path, input_error: Any) -> None:
    parts = {"0.csv": pd.DataFrame({"x": [1.0]}), f"laws/{ONE['run']}.csv": every_law(ONE)}
    for k, (name, table) in enumerate(parts.items()):
        path, of_run = tmp_path / name, tables.with_run(table, ONE) if k == 0 else table
        tables.write(of_run, path, made_from={"model": f"sha256:{k}"})
    with input_error("made from the model sha256:1", "from sha256:0"):
        collect_tables([tmp_path / "0.csv"], tmp_path / "all.csv", laws=tmp_path / "laws")


def test_what_is_made_from_models_is_of_sound_runs() -> None:
    left = {name for name in stacked() if not of_sound_runs(name)}
    assert left == {"train/metrics", LAWS_TABLE, "null/fits", "null/types"}


# --- findings and figures say so


def test_findings_name_what_is_left_out_and_what_was_trained_again() -> None:
    laws = [laws_of(ONE), laws_of(TWO, value=0.5), laws_of(GIVEN, again_at=0.006)]
    sound, left_out, again = sentences(
        {LAWS_TABLE: pd.concat(laws, ignore_index=True)}, ("a", "nano", 8)
    )
    assert sound.startswith("2 of 3 models obey every law")
    assert "the sum rule (within 1.0e-12 eV)" in sound
    assert left_out == (
        "a/n8/nano/s1 is left out of all figures and of all other tables: its edge energies miss "
        "its total energy by 0.5 eV, 1e-08 eV is allowed."
    )
    assert again.endswith("given/x with a learning rate of 0.006.")
    (alone,) = sentences({LAWS_TABLE: laws_of(ONE)}, ("a", "nano", 8))
    assert alone.startswith("1 model obeys")


@pytest.mark.parametrize("law", fields.LAWS)
def test_every_law_has_words(law: str) -> None:
    row = laws_of(TWO, value=0.5).assign(**{fields.LAW: law})
    (said,) = reasons(row).values()
    assert said.startswith(("it ", "its "))
    assert "{" not in said


def test_findings_come_first_and_a_publication_without_the_table_has_none(tmp_path: Path) -> None:
    found = save_tables(study(), tmp_path)
    write_findings([found], tmp_path / "bde.md", ["bde"])
    tables.write(laws_of(ONE), found / f"{LAWS_TABLE}.csv")
    write_findings([found], tmp_path / "both.md", ["soundness", "bde"])
    text = (tmp_path / "both.md").read_text(encoding="utf-8")
    assert text.startswith("**Which models can be trusted**\n\n- 1 model obeys")
    assert text.endswith((tmp_path / "bde.md").read_text(encoding="utf-8"))


def test_the_figure_of_a_given_model_that_breaks_a_law_says_so(
    tmp_path: Path, input_error: Any
) -> None:
    found = save_tables(study(), tmp_path)
    options: dict[str, Any] = {"run": "given/x", "output": tmp_path / "figure.png"}
    with input_error("given/x", "is not in the tables"):
        draw("parity", [found], **options)
    tables.write(laws_of(GIVEN, value=0.5), found / f"{LAWS_TABLE}.csv")
    draw("parity", [found], **options)
    text = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert text.count("<!--") == 2, "the lines of one text and nothing else"


# --- a training that diverges


@pytest.fixture
def wild(prepared: Prepared) -> Callable[..., Path]:
    """RUN.yaml of a training whose rate is far too high."""

    def make(**training: Any) -> Path:
        steps = {"steps": 160, "steps_per_epoch": 80}
        return prepared.run(name="minispice/n16/wild/s0", learning_rate=1.0, **steps, **training)

    return make


def test_a_second_try_that_is_not_allowed_changes_nothing(wild: Callable[..., Path]) -> None:
    settings = RunSettings.from_dict(read_yaml(wild()))
    assert "retry_diverged" not in settings.as_dict()["training"]
    assert attempts(settings, Path("work")) == [Attempt(settings, Path("work"))]


def test_a_training_that_diverged_is_done_again_and_says_so(
    wild: Callable[..., Path], prepared: Prepared, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = wild(retry_diverged=0.02)
    train(run, tmp_path)
    assert "training diverged (error on training frames" in caplog.text
    config = read_yaml(tmp_path / "nequip.yaml")
    assert config["training_module"]["optimizer"]["lr"] == 0.02
    settings = read_yaml(tmp_path / "model.ckpt.provenance.json")["settings"]
    assert (settings["retried"], settings["learning_rate_used"]) == (True, 0.02)
    assert settings["training"]["learning_rate"] == 1.0, "the run is what it was"
    assert not (tmp_path / "checkpoints").exists()
    write_table(
        *(tmp_path / "model.ckpt", prepared.store, [], prepared.splits, NAMED, run),
        output=tmp_path / "laws.csv",
        subset=prepared.subset,
        config=tmp_path / "nequip.yaml",
    )
    laws = tables.read(tmp_path / "laws.csv")
    assert laws[fields.OBEYED].eq("yes").all(), laws.to_string()
    assert laws[fields.AGAIN_AT].eq(0.02).all()


def test_errors_that_are_no_numbers_are_a_divergence_and_others_are_not(
    wild: Callable[..., Path], tmp_path: Path
) -> None:
    first, second = attempts(RunSettings.from_dict(read_yaml(wild(retry_diverged=0.1))), tmp_path)
    assert second.settings.training.learning_rate == pytest.approx(0.1)

    def fail() -> None:
        raise InputError("nequip-train failed.")

    with pytest.raises(InputError, match="nequip-train failed"):
        diverged(first, fail)
    history = pd.DataFrame({"epoch": [0, 1], "val0_epoch/weighted_sum": [1.0, np.nan]})
    history.to_csv(tmp_path / "history.csv", index=False)
    assert "no numbers" in diverged(first, fail)
    second.folder.mkdir()  # as after a stop in the second try
    assert attempts(first.settings, tmp_path) == [second]
