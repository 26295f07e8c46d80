"""Every command with arguments that nobody means: paths to other things, numbers, texts."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import fuzz_inputs as inputs
import mutations
from fuzzing import Try

CASES = 100
"""Cases in the seeded part."""
LONG = ("fetch", "sample", "train", "label", "relax", "enumerate", "cleavages")
"""Commands that, given the right thing by chance, work for long or fetch something."""


def test_arguments(fuzzed: Callable[[str, int], None]) -> None:
    fuzzed(f"{__name__}:arguments", CASES)


# --- the process of the cases


def prepare(base: Path) -> None:
    """Make one thing of each kind, which most commands take another one of."""
    from study.cli import main

    spice = inputs.write_spice(base / "spice.hdf5")
    inputs.write_extxyz(base / "extended.xyz", spice)
    inputs.write_morse(base / "morse.pair.yaml")
    assert main(["data", "read", str(spice), "-o", str(base / "store.h5")]) == 0
    splits = ["--test-molecules", "0.2", "-o", str(base / "splits.parquet")]
    assert main(["data", "split", str(base / "store.h5"), *splits]) == 0
    decomposing = ["decompose", str(base / "morse.pair.yaml"), "CO", "-o", str(base / "bonds")]
    assert main(decomposing) == 0
    (base / "molecules.smi").write_text("CO\nCC\n")
    (base / "table.csv").write_text("run,dataset,n_train,model,seed\na/n8/x/s0,a,8,x,0\n")
    (base / "empty.csv").write_text("")
    (base / "bytes.ckpt").write_bytes(bytes(range(256)) * 9)
    (base / "run.yaml").write_text("run: a\n")


def arguments(rng: Random, base: Path, folder: Path) -> Try:
    """A command with what it needs, and some of what it takes."""
    from e3d.command_line import Command
    from study.cli import PARTS

    known = [part for part in PARTS if isinstance(part, Command)]
    command = rng.choice([one for one in known if not any(word in one.name for word in LONG)])
    argv = command.name.split()
    for one in command.arguments:
        needed = not one.name.startswith("-") or one.settings.get("required")
        if (needed and not one.name.endswith("*")) or rng.random() < 0.2:
            argv += _given(one, rng, base)
    output = rng.choice(("out", "out.csv", "out.h5", ".", "../x\n", "a/b", "o" * 300))
    argv += ["-o", str(folder / output)] if rng.random() < 0.95 else []
    if rng.random() < 0.2:
        argv += ["--log", str(folder / "log")]
    return Try(repr(argv), argv, lambda: "another")


def _given(one: Any, rng: Random, base: Path) -> list[str]:
    several = one.name.endswith(("+", "*")) or one.settings.get("nargs")
    values = [_value(one, rng, base) for _ in range(rng.choice((1, 1, 2)) if several else 1)]
    if one.settings.get("action") == "store_true":
        values = []
    if not one.name.startswith("-"):
        return values
    return [f"{one.name}={values[0]}"] if len(values) == 1 else [one.name, *values]


def _value(one: Any, rng: Random, base: Path) -> str:
    paths = [str(path) for path in sorted(base.iterdir())]
    odd = [word for word in mutations.NASTY if "\0" not in word]
    places = ["/nowhere", "/dev/null", "/", str(base), "/proc/self/mem", "x\ny", *paths]
    numbers = ["0", "1", "8", "-1", "0.5", "1e-9", "99999", "H=-13.6", "a=0.5", "cpu", "cuda"]
    if "type" not in one.settings:  # a path
        return rng.choice(places if rng.random() < 0.85 else odd)
    return rng.choice(rng.choice((numbers, odd, ["spice", "gfn2", "random", "CO", "parity"])))
