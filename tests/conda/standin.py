"""A stand-in for the few `conda` commands that Snakemake 9 and `make pins` call, without a network.

The conda specs are solved for real, by rattler, against a channel on disk that holds the
distributions installed beside the tests (standin_packages.py): a name or version that is not there,
and any conflict, fails as with conda. What is then made is a prefix with the tests' own python and
with links to exactly the distributions that the solution and the `pip:` section, dependencies
included, name. Every import of a job is noted in `<prefix>/imports`.

CONDA_STANDIN is its folder: `channel/`, `bin/activate`, and `calls`, one line per command.
"""

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import standin_packages as packages
import yaml
from packaging.requirements import Requirement

ROOT = Path(os.environ["CONDA_STANDIN"])
CHANNELS = {"conda-forge": (ROOT / "channel").as_uri()}
INFO = {"conda_version": "25.9.0", "conda_prefix": str(ROOT), "platform": "linux-64"}
NOTE_IMPORTS = """\
import os
import sys


class Note:
    seen = set()

    def find_spec(self, name, path=None, target=None):
        if name not in self.seen and "." not in name:
            self.seen.add(name)
            os.write(self.file, f"{name}\\n".encode())


Note.file = os.open(os.path.join(sys.prefix, "imports"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
sys.meta_path.insert(0, Note())
"""
PIP = """\
import os
import sys

os.environ["CONDA_STANDIN"] = {root!r}
os.execv({python!r}, [{python!r}, {program!r}, "pip", sys.prefix, *sys.argv[1:]])
"""


def main(arguments: Sequence[str]) -> int:
    """Run one command; return its exit code."""
    with (ROOT / "calls").open("a") as file:
        file.write(f"{' '.join(arguments)}\n")
    try:
        match list(arguments):
            case ["--version"]:
                say(f"conda {INFO['conda_version']}")
            case ["info", "--json"]:
                say(json.dumps(INFO))
            case ["config", "--get", "channel_priority", "--json"]:
                say(json.dumps({"get": {"channel_priority": "strict"}}))
            case ["clean", "-y", "--tarballs"]:
                pass  # nothing was downloaded
            case ["env", "create", *options] | ["create", *options]:
                create(_options(options))
            case ["list", "--explicit", "--md5", "--prefix", prefix]:
                say("# This file may be used to create an environment using:", "@EXPLICIT")
                say(*sorted(json.loads(path.read_text())["explicit"] for path in _metadata(prefix)))
            case ["pip", prefix, "install", *lines]:
                install_pip(Path(prefix), [line for line in lines if not line.startswith("-")])
            case _:
                raise LookupError(f"conda stand-in: not known: {' '.join(arguments)}")
    except LookupError as error:
        sys.stderr.write(f"{error.args[0]}\n")
        return 1
    return 0


def say(*lines: str) -> None:
    """Write lines to standard output."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def create(options: argparse.Namespace) -> None:
    """Make an environment from a yaml or from a list of packages."""
    prefix, file = Path(options.prefix), Path(options.file)
    if file.suffix == ".txt":
        make_prefix(
            prefix, [_explicit(line) for line in file.read_text().splitlines() if "://" in line]
        )
        return
    content = yaml.safe_load(file.read_text())
    conda = [item for item in content["dependencies"] if isinstance(item, str)]
    pip = [
        line for item in content["dependencies"] if isinstance(item, dict) for line in item["pip"]
    ]
    make_prefix(prefix, asyncio.run(solve(content["channels"], conda)))
    if pip:
        install_pip(prefix, pip)


async def solve(channels: Sequence[str], specs: Sequence[str]) -> list[dict[str, str]]:
    """Return name and address of every package that conda would install."""
    from rattler import Gateway, solve
    from rattler.exceptions import SolverError

    unknown = sorted({*channels} - {*CHANNELS, "nodefaults"})
    if unknown:
        raise LookupError(f"conda stand-in: no channel {', '.join(unknown)}")
    try:
        records = await solve(
            [CHANNELS[name] for name in channels if name != "nodefaults"],
            specs,
            gateway=Gateway(cache_dir=ROOT / "cache"),
            platforms=["linux-64", "noarch"],
        )
    except SolverError as error:
        raise LookupError(f"LibMambaUnsatisfiableError: {error}") from None
    return [
        {"name": item.name.source, "explicit": f"{item.url}#{item.md5.hex()}"} for item in records
    ]


def make_prefix(prefix: Path, records: Sequence[dict[str, str]]) -> None:
    """Make a prefix that holds some packages of the channel."""
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", "--symlinks", prefix], check=True
    )
    (prefix / "conda-meta").mkdir()
    for record in records:
        (prefix / "conda-meta" / f"{record['name']}.json").write_text(json.dumps(record))
    names = [packages.pypi_name(record["name"]) for record in records]
    packages.link((name for name in names if name not in packages.BASE), _site(prefix))
    (_site(prefix) / "sitecustomize.py").write_text(NOTE_IMPORTS)
    if "pip" in names:
        (_site(prefix) / "pip").mkdir()
        program = PIP.format(
            root=str(ROOT), python=sys.executable, program=str(Path(__file__).resolve())
        )
        (_site(prefix) / "pip" / "__main__.py").write_text(program)


def install_pip(prefix: Path, lines: Sequence[str]) -> None:
    """Add what pip would install; an environment without pip cannot."""
    if not (_site(prefix) / "pip").is_dir():
        raise LookupError(f"{prefix}: pip is not in this environment")
    packages.link(packages.closure(map(Requirement, lines)), _site(prefix))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("conda create")
    for flag in ("--quiet", "--no-default-packages", "--yes"):
        parser.add_argument(flag, action="store_true")
    for option in ("--file", "--prefix"):
        parser.add_argument(option, required=True)
    return parser.parse_args(arguments)


def _explicit(line: str) -> dict[str, str]:
    """Look up one line of a list of packages in the channel, with its md5."""
    address, _, md5 = line.partition("#")
    base, subdir, file = address.rsplit("/", 2)
    index: dict[str, Any] = {}
    if base in CHANNELS.values():
        index = json.loads((ROOT / "channel" / subdir / "repodata.json").read_text())[
            "packages.conda"
        ]
    if file not in index or index[file]["md5"] != md5:
        raise LookupError(f"PackagesNotFoundError: {line}")
    return {"name": re.sub(r"-[^-]+-[^-]+$", "", file), "explicit": line}


def _metadata(prefix: str) -> list[Path]:
    return sorted(Path(prefix, "conda-meta").glob("*.json"))


def _site(prefix: Path) -> Path:
    return next((prefix / "lib").glob("python3*/site-packages"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
