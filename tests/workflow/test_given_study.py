"""A study of a given model: planned, and run from its file to findings without any training.

The model is a Morse potential of few elements, so that D is known and some molecules are left out.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from planning import dry_run, overlay, plan, snakemake
from study.stages import figures_made, tables_made

MORSE = {
    "C-H": (4.3, 1.09, 1.9),
    "C-C": (3.8, 1.52, 2.0),
    "C-O": (3.9, 1.41, 2.0),
    "H-O": (4.8, 0.96, 2.2),
}
"""Depth (eV), length (Å) and steepness (1/Å) of its pairs."""
R_MAX = 4.0
GIVEN = {
    "grid": {"n_train": [24], "model": []},
    "controls": [],
    "given": ["morse", "overflow"],
    "tests": ["spice2-real"],
    "figures": {"molecules": ["CC=O", "CN"]},
    "pathvars": {"results": "results/morse"},
}


@pytest.fixture
def with_morse(project: Path) -> Path:
    """A copy of the project whose registry has the model, and one whose energies overflow."""
    names = ("depth_eV", "length_ang", "steepness_per_ang")
    pairs = {name: dict(zip(names, values, strict=True)) for name, values in MORSE.items()}
    text = yaml.safe_dump({"r_max_ang": R_MAX, "pairs": pairs})
    (project / "morse.pair.yaml").write_text(text)
    write_overflowing(project / "overflow.ckpt")
    entry = {
        "dataset": "nothing",
        "theory": "wB97M-D3(BJ)/def2-TZVPPD",
        "smallest_molecule": 3,
        "training_set": "none",
        "source": "this test",
        "licence": "CC0-1.0",
    }
    given = {
        "morse": {**entry, "path": "morse.pair.yaml", "format": "pair-potential"},
        "overflow": {**entry, "path": "overflow.ckpt", "format": "checkpoint"},
    }
    with (project / "config" / "models.yaml").open("a") as file:
        file.write(yaml.safe_dump(given))
    return project


def write_overflowing(path: Path) -> None:
    """Write a checkpoint of an Allegro whose weights are finite, and whose energies are not."""
    import checkpoint_fixtures as checkpoints

    tensors = checkpoints.weights(checkpoints.TODAY)
    for name, _ in checkpoints.network(checkpoints.TODAY).named_parameters():
        tensors[name] = tensors[name] * 1e37
    checkpoints.write(path, checkpoints.TODAY, tensors)


def test_a_given_model_is_planned_beside_a_grid(with_morse: Path) -> None:
    alone = plan(with_morse, *overlay(with_morse))
    beside = plan(with_morse, *overlay(with_morse, given=["morse"]))
    more = {rule: n - alone.get(rule, 0) for rule, n in beside.items() if n != alone.get(rule, 0)}
    of_runs = ("evaluate", "decompose", "bde", "entropy", "null", "label_theory", "reactivity")
    assert more == {
        **{f"{stage}_run": 1 for stage in of_runs},
        "given_settings": 1,
        "soundness_run": 1,
        **{
            f"figures_{name}_given": 1
            for name in ("molecules", "parity", "bonds", "distributions", "null", "reactivity",
                         "scans", "label_theory")
        },
    }  # fmt: skip


def test_it_is_fetched_where_it_is_not_there(with_morse: Path) -> None:
    assert plan(with_morse, *overlay(with_morse, given=["spice2-medium"]))["given_fetch"] == 1


def test_a_model_that_is_nowhere_is_named(with_morse: Path) -> None:
    (with_morse / "morse.pair.yaml").unlink()
    done = dry_run(with_morse, *overlay(with_morse, given=["morse"]))
    assert done.returncode
    assert "morse.pair.yaml" in done.text


def test_a_study_of_a_given_model_alone(with_morse: Path) -> None:
    done = snakemake(with_morse, *overlay(with_morse, **GIVEN))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    results = with_morse / "results" / "morse"
    assert not list(results.glob("train/**/model.ckpt"))
    for name in figures_made(sets=0):
        assert (results / "figures" / f"{name}.png").stat().st_size > 5000
    for name in tables_made(sets=0):
        table = pd.read_csv(results / f"{name}.csv")
        runs = set(table["run"].dropna() if "run" in table else "given/" + table["model"])
        sound = runs <= {"given/morse"}
        assert sound or name in ("null/fits", "null/types", "soundness/laws"), name

    summary = json.loads(
        (results / "decompose/given/morse/spice2-real/summary.json").read_text(encoding="utf-8")
    )
    assert summary["frames_left_out"] > 0
    assert summary["frames"] + summary["frames_left_out"] == 357
    assert summary["sum_rule_max_abs_eV"] <= 1e-8
    errors = pd.read_csv(results / "evaluate" / "errors.csv")
    assert set(errors["test_set"]) == {"test-conformations", "test-molecules", "spice2-real"}

    named = pd.read_csv(results / "bde" / "named.csv")
    for row in named[named["geometry"] == "relaxed"].to_dict("records"):
        if row["bond_type"] in MORSE:
            assert row["bond_energy_eV"] == pytest.approx(morse(row), abs=1e-3), row["bond"]
    known = named[named["in_training"].notna()]
    assert not known["in_training"].astype(bool).any()
    assert {"[H][H]"} <= set(known["molecule"]) <= {"[H][H]", "[C-]#[O+]"}, "two atoms, no more"
    claims = pd.read_csv(results / "claims" / "claims.csv")
    assert set(claims["answer"]) <= {"yes", "no", "undetermined"}
    assert set(claims["n_seeds"]) == {1}

    findings = (results / "figures" / "findings.md").read_text(encoding="utf-8")
    assert findings.startswith("**Which models can be trusted**\n\n- 1 of 2 models obeys every law")
    assert (
        "\n- given/overflow is left out of all figures and of all other tables: it gives"
        in findings
    )
    assert "The given model overflow" not in findings
    figure = results / "figures" / "given" / "overflow" / "parity.svg"
    assert "given/overflow is left out" in figure.read_text(encoding="utf-8")
    assert "the given model morse with" in findings
    assert "an unknown number of training frames" in findings
    assert "**How much of D the data fix**" not in findings
    assert "spice2-real" in findings


def morse(bond: dict[str, float]) -> float:
    """Return D of a bond at its mean length, eV.

    Equivalent bonds differ by up to 0.002 Å in a relaxed molecule, and D is their mean.
    """
    depth, length, steepness = MORSE[str(bond["bond_type"])]

    def energy(r: float) -> float:
        return float(depth * ((1 - np.exp(-steepness * (r - length))) ** 2 - 1))

    return energy(R_MAX) - energy(bond["r_ang"])
