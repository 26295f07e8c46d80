"""The study of one's own in ``config/README.md``, as it stands there, on frames of minispice."""

import re
from pathlib import Path

import ase.io
import h5py
import pandas as pd
import yaml
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from e3d.chemistry.molecules import canonical_smiles, parse
from e3d.units import BOHR_ANG, HARTREE_EV
from model_fixtures import MINISPICE
from planning import ROOT, plan, snakemake

RUN = "mine/n60/nano/s0"
# long enough for its forces to be nearer than zero is, or nothing could be shown of it
SHORT = {"training": {"steps": 100, "steps_per_epoch": 50}}


def blocks() -> tuple[str, str]:
    """Return the entry and the overlay."""
    text = (ROOT / "config" / "README.md").read_text(encoding="utf-8")
    section = text[text.index("## A study of your own") : text.index("## The study")]
    entry, overlay = re.findall(r"```yaml\n(.*?)```", section, flags=re.DOTALL)
    return entry, overlay


def own_frames(isolated: dict[str, float]) -> list[Atoms]:
    """Return frames of these elements with a plain SMILES, relative to these atoms."""
    frames = []
    with h5py.File(MINISPICE) as file:
        for group in file.values():
            smiles = canonical_smiles(parse(group["smiles"].asstr()[()].item()))
            numbers = group["atomic_numbers"][()]
            for k in range(6):
                atoms = Atoms(numbers, group["conformations"][k] * BOHR_ANG)
                if not set(atoms.get_chemical_symbols()) <= set(isolated):
                    break
                atoms.info["smiles"] = smiles
                atoms.calc = SinglePointCalculator(
                    atoms,
                    energy=group["formation_energy"][k] * HARTREE_EV
                    + sum(isolated[symbol] for symbol in atoms.symbols),
                    forces=-group["dft_total_gradient"][k] * HARTREE_EV / BOHR_ANG,
                )
                frames.append(atoms)
    return frames


def test_a_study_of_ones_own_is_an_entry_and_an_overlay(project: Path) -> None:
    entry, overlay = blocks()
    assert len(entry.splitlines()) == 7
    (values,) = yaml.safe_load(entry).values()
    with (project / "config" / "datasets.yaml").open("a") as file:
        file.write(entry)
    (project / "config" / "mine.yaml").write_text(overlay)
    (project / "short.yaml").write_text(yaml.safe_dump(SHORT))
    data = project / values["path"]
    data.parent.mkdir()
    ase.io.write(data, own_frames(values["isolated_atom_energy_eV"]))
    options = ("--configfile", "config/mine.yaml", "short.yaml")
    assert plan(project, *options)["train_run"] == 1, "none of the default study's controls"
    done = snakemake(project, "bde", *options, "--show-failed-logs")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
    bonds = pd.read_csv(project / "results" / "mine" / "bde" / f"{RUN}.named.csv")
    assert set(bonds["run"]) == {RUN}
    means = pd.read_csv(project / f"results/mine/decompose/{RUN}/test-conformations/bond_means.csv")
    assert {"C-H", "C-O", "C=C"} <= set(means["bond_type"]), "orders by the plain SMILES"
