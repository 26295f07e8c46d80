"""Another null model is an entry in the registry and the module that fits it: add and run one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from e3d import tables
from model_fixtures import Prepared
from null_fixtures import compare_command, fit_command

ENTRY = """
CONSTANT: Final = NullModel(
    "constant",
    "one energy for all bonds",
    "one energy",
    "training energies and the number of bonds",
    "study.null.constant:fit_constant",
)
NULL_MODELS"""
MODULE = '''"""One energy for all bonds."""

import numpy as np
import pandas as pd

from e3d.potential import Potential
from e3d.structures import from_store
from study.null.fitted import Facts
from study.null.normal_equations import isolated


class Constant(Potential):
    r_max = 0.1

    def __init__(self, d, atoms, facts):
        self.d, self.atoms, self.facts = d, atoms, facts

    def knows(self, structure):
        return bool(structure.bonds)

    def energies_and_forces(self, batch):
        n_bonds = np.array([len(structure.bonds) for structure in batch.structures])
        return isolated(batch, self.atoms) - self.d * n_bonds, np.zeros_like(batch.positions)

    def bond_energies(self, bonds):
        return np.full(len(bonds), self.d)

    def types(self):
        return pd.DataFrame()


def fit_constant(training):
    atoms = training.reader.isolated_atom_energy
    frames = [s for s in from_store(training.reader, training.frames) if s.bonds]
    alone = np.array([sum(atoms[z] for z in s.atomic_numbers.tolist()) for s in frames])
    binding = alone - np.array([s.energy for s in frames])
    d = float(binding.sum() / sum(len(s.bonds) for s in frames))
    return Constant(d, atoms, Facts(len(frames), 1, 1.0, 1, 1.0, 0.0, "none"))
'''
DRAW = """
import sys
from pathlib import Path
from e3d import tables
from study.null.figure_null import make
from study.claims import fields
from study.claims.findings import _shown
from study.null.names import NULL_MODELS
folder = Path(sys.argv[1])
compare, named = (tables.read(folder / f"s0{end}.csv") for end in ("", ".named"))
summary = compare.assign(n_parameters=1)
given = {
    "decompose/summary": summary, "null/compare": compare, "null/named": named,
}
figure = make(given)
print([one.get_text() for axes in figure.axes for one in axes.get_yticklabels()])
print(*_shown(fields.NULL), sep="\\n")
"""


@pytest.fixture
def extended(tmp_path: Path, root: Path) -> dict[str, str]:
    """The environment of a copy of the study with one more null model."""
    workflow = tmp_path / "workflow"
    shutil.copytree(root / "workflow", workflow, ignore=shutil.ignore_patterns("__pycache__"))
    names = workflow / "study" / "null" / "names.py"
    text = names.read_text()
    assert text.count("\nNULL_MODELS") == 1
    text = text.replace("\nNULL_MODELS", ENTRY).replace(
        "PAIR, UNTRAINED", "PAIR, CONSTANT, UNTRAINED"
    )
    names.write_text(text)
    names.with_name("constant.py").write_text(MODULE)
    paths = os.pathsep.join(map(str, (root / "src", workflow)))
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}


def test_tables_figure_and_sentences_have_it(
    extended: dict[str, str], prepared: Prepared, tmp_path: Path
) -> None:
    def run(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(command, env=extended, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    fit, output = tmp_path / "null" / "n16.csv", tmp_path / "out" / "s0.csv"
    run("-m", "study", *fit_command(prepared, fit))
    fits = tables.read(fit).set_index("model")
    assert (fits.loc["constant", "n_parameters"] == 1).all()
    d = tables.read(fit.with_name("n16.bonds.csv"))["constant_eV"]
    assert d.nunique() == 1
    assert 3 < d[0] < 6
    run("-m", "study", *compare_command(prepared, fit, tmp_path, output))
    compare = tables.read(output).set_index("null_model")
    assert {"mae_eV", "energy_mae_meV_per_atom"} <= set(compare.loc["constant", "score"])
    np.testing.assert_allclose(tables.read(output.with_name("s0.named.csv"))["constant_eV"], d[0])
    said = run("-c", DRAW, str(output.parent))
    assert "'one energy'" in said
    assert "constant bde298" in said.split("\n"), "and a sentence of the claims is about it"
    script = "from study.import_graph import imports_of as i; print(*i('study.null.fit'))"
    assert "study.null.constant" in run("-c", script).split()
