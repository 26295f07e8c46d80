"""Labelling files: what is written, the journal, and jobs that are killed or cut short."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from e3d.fields import Store as F
from e3d.store.reader import StoreReader
from e3d.theory import GFN2
from e3d.units import BOHR_ANG, HARTREE_EV
from e3d_labels import labelling as running
from e3d_labels.check import check_labels
from e3d_labels.geometries import read_geometries
from e3d_labels.labelling import label_file, label_journal, label_one
from e3d_labels.processes import LostProcessError
from e3d_labels.programs import program_of
from e3d_labels.task import Label, NotConvergedError, Task
from e3d_labels.xtb import Xtb
from label_fixtures import H2, diatomic, geometries, stretched
from model_fixtures import MINISPICE
from study.cli import main

Expect = Callable[..., AbstractContextManager[None]]


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def gone(pids: list[int]) -> bool:
    """Wait until none of the processes is there any more."""
    for _ in range(100):
        if not any(map(alive, pids)):
            return True
        time.sleep(0.1)
    return False


# --- files


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two molecules, two and three conformations, one stretched, not in the order of the index."""
    path = geometries(
        tmp_path / "geometries.hdf5",
        {"[H][H]": stretched(0.7, 0.8), "N#N": stretched(1.1, 1.2, 2.6)},
    )
    with h5py.File(path, "a") as file:
        file["[H][H]"]["sample_index"] = np.array([25, 0])
    return path


def test_labels_are_written_in_the_spice_layout_and_read_back(source: Path, tmp_path: Path) -> None:
    output, store = tmp_path / "labels.hdf5", tmp_path / "store.h5"
    assert main(["data", "label", str(source), "--theory", "gfn2", "-o", str(output)]) == 0
    with h5py.File(output) as file:
        assert file.attrs["level_of_theory"] == "GFN2-xTB"
        hydrogen = {key: values[()] for key, values in file["[H][H]"].items()}
    assert hydrogen["sample_index"].tolist() == [
        0,
        25,
    ]  # by the index, whatever the order in the source
    assert hydrogen["conformations"][:, 1, 2] * BOHR_ANG == pytest.approx([0.8, 0.7], abs=1e-6)
    assert main(["data", "read", str(output), "--theory", GFN2.name, "-o", str(store)]) == 0
    with StoreReader(store) as reader:
        assert reader[F.ENERGY].tolist() == pytest.approx(
            [e for name in ("[H][H]", "N#N") for e in read_energies(output, name)], abs=1e-9
        )
        assert (reader[F.BINDING_ENERGY][:4] < 0).all()


def read_energies(path: Path, name: str) -> list[float]:
    with h5py.File(path) as file:
        return list(file[name]["dft_total_energy"][()] * HARTREE_EV)


def test_two_processes_write_the_same_file_as_one(source: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one.hdf5", tmp_path / "two.hdf5"
    label_file(source, one, theory="gfn2")
    label_file(source, two, theory="gfn2", jobs=2, chunk=1)
    assert one.read_bytes() == two.read_bytes()


class Counting:
    """A labeller of no cost: it notes what it is asked, and fails for bonds longer than 2 Å."""

    def __init__(self) -> None:
        self.asked: list[Task] = []

    def label(self, task: Task) -> Label:
        self.asked.append(task)
        length = float(np.linalg.norm(task.positions[1] - task.positions[0])) * BOHR_ANG
        if length > 2.0:
            raise NotConvergedError("not\nconverged")
        n = len(task.numbers)
        return Label(-length, np.zeros((n, 3)), "fake", 0.0, np.zeros((n, n)))


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    """Label in this process by :class:`Counting`."""
    labeller = Counting()

    def here(call: Any, items: Any, keep: Any, *, deadline: float, **_: Any) -> None:
        for item in items:
            if time.monotonic() >= deadline:
                return
            keep(item, call(item))

    monkeypatch.setattr(running, "work", here)
    monkeypatch.setattr(running, "_labeller", labeller)
    return labeller


def test_what_does_not_converge_is_skipped_reported_and_not_tried_again(
    source: Path, tmp_path: Path, counting: Counting
) -> None:
    output = tmp_path / "labels.hdf5"
    first = label_file(source, output, theory="gfn2")
    assert (first.labelled, first.unfinished, dict(first.failed)) == (4, 0, {"not converged": 1})
    assert len(read_energies(output, "N#N")) == 2
    assert '"not converged": 1' in (tmp_path / "labels.hdf5.report.json").read_text()
    assert label_file(source, output, theory="gfn2") == first
    assert len(counting.asked) == 5
    label_file(source, output, theory="gfn2", retry_failed=True)
    assert len(counting.asked) == 6
    assert counting.asked[-1].stretched


def test_molecules_take_turns_and_time_that_is_up_writes_what_is_there(
    source: Path, tmp_path: Path, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(np.arange(0.0, 1e6, 600.0))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    outcome = label_file(source, tmp_path / "labels.hdf5", theory="gfn2", chunk=1, max_hours=1.0)
    assert outcome.unfinished == 5 - outcome.labelled > 0
    groups = [task.group for task in counting.asked]
    assert groups[:2] == ["[H][H]", "N#N"]
    assert len(read_energies(tmp_path / "labels.hdf5", "N#N")) == groups.count("N#N")


def test_no_time_at_all_is_an_error_and_keeps_the_old_file(
    source: Path, tmp_path: Path, counting: Counting, input_error: Expect
) -> None:
    output = tmp_path / "labels.hdf5"
    output.write_text("old")
    with input_error("no conformation was labelled", "none was finished"):
        label_file(source, output, theory="gfn2", max_hours=0.0)
    assert output.read_text() == "old"
    assert not counting.asked


@pytest.mark.parametrize(
    "error", [np.linalg.LinAlgError("singular"), ZeroDivisionError(), RuntimeError("a b")]
)
def test_numerical_accidents_skip_one_conformation(error: Exception) -> None:
    class Failing:
        def label(self, task: Task) -> Label:
            raise error

    reason = label_one(Failing(), diatomic(H2, 1.0))
    assert reason == (str(error) or type(error).__name__)


def test_a_label_that_is_no_number_is_a_failure() -> None:
    class Broken:
        def label(self, task: Task) -> Label:
            return Label(float("nan"), np.zeros((2, 3)), "fake", 0.0, np.zeros((2, 2)))

    assert label_one(Broken(), diatomic(H2, 1.0)) == "energy or gradient is not a finite number"


# --- the journal


def test_the_journal_gives_back_what_was_put(tmp_path: Path) -> None:
    label = Label(-1.5, np.arange(6.0).reshape(2, 3), "RKS", 0.25, np.eye(2), np.ones((2, 2)))
    tasks = [diatomic(H2, length) for length in (0.7, 0.8, 0.9)]
    with label_journal(tmp_path / "j", program_of("spice")) as journal:
        journal.put([(tasks[0], label), (tasks[1], "no")])
    with label_journal(tmp_path / "j", program_of("spice")) as journal:
        found = journal.get(tasks[0])
        assert isinstance(found, Label)
        for name, value in vars(label).items():
            np.testing.assert_array_equal(getattr(found, name), value)
        assert journal.get(tasks[1]) == "no"
        assert journal.get(tasks[2]) is None
    with label_journal(tmp_path / "j", program_of("gfn2")) as other:
        assert not other.done(tasks[0])


def test_the_key_of_a_label_never_changes(tmp_path: Path) -> None:
    # long computations rest on it: what computes this key made journals that must stay readable
    with label_journal(tmp_path / "j", program_of("spice")) as journal:
        key = journal.key(Task("any name", H2, np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.5]])))
    assert key == "be2a2e42c729979c8729fe67a4f766a4b5a39280e585eac531452d9fa55992e2"


@pytest.mark.parametrize("damage", ["no database", "another table", "a damaged label"])
def test_a_damaged_journal_is_one_line(
    damage: str, source: Path, tmp_path: Path, input_error: Expect
) -> None:
    path, output = tmp_path / "labels.hdf5.journal", tmp_path / "labels.hdf5"
    if damage == "no database":
        path.write_text("not a database " * 100)
    elif damage == "another table":
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE labels (name TEXT)")
        database.close()
    else:
        label_file(source, output, theory="gfn2")
        with sqlite3.connect(path) as database:
            database.execute("UPDATE labels SET label = ?", (b"PK damaged",))
        database.close()
    with input_error(str(path)):
        label_file(source, output, theory="gfn2")


def test_a_journal_at_work_is_left_alone(
    source: Path, tmp_path: Path, input_error: Expect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("e3d_labels.journal._WAIT_S", 0.1)
    with label_journal(tmp_path / "labels.hdf5.journal", program_of("gfn2")) as journal:
        journal.claim()
        with input_error("labels.hdf5.journal", "locked", "End the job"):
            label_file(source, tmp_path / "labels.hdf5", theory="gfn2")


def test_a_process_that_dies_is_one_line(
    source: Path, tmp_path: Path, input_error: Expect, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise LostProcessError([[read_geometries(source)[0].task(0)]])

    monkeypatch.setattr(running, "work", broken)
    with input_error("ended by itself after 0 of 5 conformations", "[H][H]", "fewer --jobs"):
        label_file(source, tmp_path / "labels.hdf5", theory="gfn2")


def test_empty_groups_between_others_are_passed_over(tmp_path: Path, source: Path) -> None:
    water = {"smiles": ["[O:1]([H:2])[H:3]"], "atomic_numbers": np.array([8, 1, 1])}
    with h5py.File(source, "a") as file:
        empty = file.create_group("empty")
        for key, value in (water | {"conformations": np.zeros(0)}).items():
            empty.create_dataset(
                key, data=value, dtype=h5py.string_dtype() if isinstance(value, list) else None
            )
    assert label_file(source, tmp_path / "labels.hdf5", theory="gfn2").labelled == 5


# --- processes

SLOW = """
import sys, time
from pathlib import Path
from e3d_labels import programs, xtb

class Slow(xtb.Xtb):
    def label(self, task):
        time.sleep(0.4)
        return super().label(task)

programs.Program.make_labeller = lambda self: Slow()
if __name__ == "__main__":
    from study import cli
    options = ["--theory", "gfn2", "--jobs", "2", "--chunk", "1"]
    sys.exit(cli.main(["data", "label", *sys.argv[1:], *options]))
"""


def start_slowly(
    folder: Path, source: Path, output: Path
) -> tuple[subprocess.Popen[str], list[int]]:
    """Start a job of two slow processes; return it and their ids once the journal has a label."""
    (folder / "slow.py").write_text(SLOW)
    job = subprocess.Popen(
        [sys.executable, str(folder / "slow.py"), str(source), "-o", str(output)],
        stderr=subprocess.PIPE,
        text=True,
        # a shell's background job ignores Ctrl-C, and so would all that it starts
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    for _ in range(300):
        if finished(output) and len(children(job.pid)) >= 2:
            return job, children(job.pid)
        time.sleep(0.1)
    job.kill()
    raise AssertionError("nothing was labelled in 30 s")


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def finished(output: Path) -> int:
    """Count labels; a journal at work is locked, so look at a copy."""
    journal = output.with_name(output.name + ".journal")
    if not journal.is_file():
        return 0
    copy = journal.with_name("copy")
    copy.write_bytes(journal.read_bytes())
    database = sqlite3.connect(copy)
    try:
        return int(database.execute("SELECT count(*) FROM labels").fetchone()[0])
    except sqlite3.Error:
        return 0
    finally:
        database.close()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_job_that_is_killed_leaves_no_process_and_resumes(
    end: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = np.linspace(0.7, 0.9, 40)
    source, output = (
        geometries(tmp_path / "g.hdf5", {"[H][H]": stretched(*lengths)}),
        tmp_path / "labels.hdf5",
    )
    job, processes = start_slowly(tmp_path, source, output)
    os.kill(job.pid, end)
    _, errors = job.communicate(timeout=20)
    assert job.returncode == (-end if end == signal.SIGKILL else 128 + end)
    assert "Traceback" not in errors
    assert gone(processes)
    assert not output.exists()
    before = finished(output)
    assert 0 < before < 40
    labeller, asked = Xtb(), []
    real = running._label_chunk

    def here(call: Any, items: Any, keep: Any, **_: Any) -> None:
        for item in items:
            asked.extend(item)
            keep(item, real(item))

    monkeypatch.setattr(running, "work", here)
    monkeypatch.setattr(running, "_labeller", labeller)
    assert label_file(source, output, theory="gfn2").labelled == 40
    assert len(asked) == 40 - before


def test_what_was_labelled_before_is_taken_over(
    tmp_path: Path, spice_file: Any, input_error: Any
) -> None:
    """A file grows: old conformations keep their labels, bond orders they lack are NaN."""
    with h5py.File(MINISPICE) as source:
        arrays = {key: source["O"][key][()] for key in ("smiles", "atomic_numbers")}
        arrays |= {key: source["O"][key][:12] for key in ("conformations", "sample_index")}
    geometries = spice_file({"O": {**arrays, "smiles": [arrays["smiles"][0].decode()]}})
    old, new = tmp_path / "old.hdf5", tmp_path / "new.hdf5"
    label_file(geometries, old, theory="gfn2")
    with h5py.File(old, "r+") as file:
        for key in list(file["O"]):
            if file["O"][key].shape[0] == 12:
                values = file["O"][key][()]
                del file["O"][key]
                if key != "mayer_indices":
                    file["O"][key] = values[:5]
        file["O"]["dft_total_energy"][2] += 1.0  # to see that it is not computed again
    label_file(geometries, new, theory="gfn2", earlier_labels=old)
    with h5py.File(old) as before, h5py.File(new) as after:
        np.testing.assert_array_equal(
            after["O/dft_total_energy"][:5], before["O/dft_total_energy"][()]
        )
        assert len(after["O/dft_total_energy"]) == 12
        assert np.isnan(after["O/mayer_indices"][:5]).all()
        assert np.isfinite(after["O/mayer_indices"][5:]).all()
    with input_error("GFN2-xTB", "same level of theory"):
        label_file(geometries, tmp_path / "x.hdf5", theory="spice", earlier_labels=old)


def test_labels_are_checked_by_computing_some_again(
    tmp_path: Path,
    input_error: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("e3d_labels.each_molecule.FIRST_S", 0.0)
    labels = tmp_path / "labels.hdf5"
    label_file(MINISPICE, labels, theory="gfn2")
    with caplog.at_level("INFO"):
        table = check_labels(labels, tmp_path / "check.csv", theory="gfn2", n=9, seed=1)
    assert "9 of" in caplog.text
    assert "conformations to compute again" in caplog.text
    assert "1 of 9 computed again" in caplog.text
    assert len(table) == 9
    assert table["energy_difference_hartree"].abs().max() < 1e-8  # to what it is converged
    assert table["gradient_difference_max_hartree_per_bohr"].max() < 1e-6  # stored in float32
    with h5py.File(labels, "r+") as file:
        for group in file.values():
            group["dft_total_energy"][...] += 1e-3
    wrong = check_labels(labels, tmp_path / "check.csv", theory="gfn2", n=9, seed=1)
    np.testing.assert_allclose(wrong["energy_difference_hartree"], -1e-3, atol=1e-8)
    with input_error("asked for", "Ask for fewer"):
        check_labels(labels, tmp_path / "check.csv", theory="gfn2", n=100_000, seed=1)
