"""Published models in a nequip that knows nothing of this project, as the how-to page says."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ase.build import molecule

import e3d
from e3d.structures import from_atoms

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "use-a-trained-model.md").read_text(encoding="utf-8")
WEIGHTS = ROOT / re.findall(r"`(results/published/\S+\.ckpt)`", PAGE)[0]
PROGRAMS = {
    "nequip-package": "nequip.scripts.package",
    "nequip-compile": "nequip.scripts.compile",
}
MOLECULES = ("CH3CH2OH", "C2H4", "HCN", "CH3Cl")
FLOAT32 = 1e-5
"""What the page promises, in eV and eV/Å."""

ENERGIES = """
import importlib.util, json, sys
assert not [name for name in ("e3d", "study", "e3d_labels") if importlib.util.find_spec(name)]
from ase.build import molecule
from nequip.integrations.ase import NequIPCalculator
calculator = NequIPCalculator._from_saved_model(
    sys.argv[1], chemical_species_to_atom_type_map=True
)
found = {}
for name in sys.argv[2:]:
    atoms = molecule(name)
    atoms.calc = calculator
    found[name] = [float(atoms.get_potential_energy()), atoms.get_forces().tolist()]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Run, in a folder, a Python that finds what is installed and nothing of this project."""
    folder = tmp_path_factory.mktemp("site")
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith(("e3d", "study", "__editable__")):
            (folder / path.name).symlink_to(path)
    environment = {"PYTHONPATH": str(folder), "PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"}

    def run(cwd: Path, *arguments: object) -> str:
        command = [sys.executable, "-S", *map(str, arguments)]  # -S: not what is installed
        done = subprocess.run(
            command, env=environment, cwd=cwd, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    return run


def commands(program: str) -> list[list[str]]:
    """Return the commands of the page that run a program, without its name."""
    return [shlex.split(line) for line in re.findall(rf"^ {{4}}{program} (.*)$", PAGE, re.M)]


def require_same(found: str, weights: Path) -> None:
    """Compare what nequip printed with what the library says of the same weights."""
    model = e3d.load(weights)
    for name, (energy, forces) in json.loads(found).items():
        (wanted,), of_library = model.energies_and_forces([from_atoms(molecule(name))])
        assert energy == pytest.approx(wanted, abs=FLOAT32), name
        np.testing.assert_allclose(forces, of_library, rtol=0, atol=FLOAT32, err_msg=name)


def test_a_published_model_is_packaged_without_this_project(
    python: Callable[..., str], tmp_path: Path
) -> None:
    """Neither the study's data nor its code are there; energies and forces are those of e3d."""
    shutil.copy(WEIGHTS, tmp_path)
    (arguments,) = commands("nequip-package")
    assert arguments[:2] == ["build", WEIGHTS.name]
    python(tmp_path, "-m", PROGRAMS["nequip-package"], *arguments)
    found = python(tmp_path, "-c", ENERGIES, arguments[2], *MOLECULES)
    require_same(found, WEIGHTS)


def test_a_model_that_the_study_trained_is_one_too(
    python: Callable[..., str], trained: Path, tmp_path: Path
) -> None:
    """Its checkpoint as it lies in the results, not only published weights."""
    shutil.copy(trained / "model.ckpt", tmp_path)
    python(tmp_path, "-m", PROGRAMS["nequip-package"], "build", "model.ckpt", "model.nequip.zip")
    found = python(tmp_path, "-c", ENERGIES, "model.nequip.zip", "CH3CH2OH", "CH4")
    require_same(found, trained / "model.ckpt")


def test_the_page_compiles_for_targets_that_nequip_has() -> None:
    """Compiling takes minutes; that the targets and options are there is seen at once."""
    import allegro  # noqa: F401 - registers its target
    from nequip.scripts._compile_utils import COMPILE_TARGET_DICT

    asked = commands("nequip-compile")
    assert [line[line.index("--target") + 1] for line in asked] == ["ase", "batch"]
    named = re.findall(r"--target (\w+)", PAGE)
    assert {*named} == {"ase", "batch", "pair_allegro"} <= {*COMPILE_TARGET_DICT}
