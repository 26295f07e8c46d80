"""`make pins`: freeze the environments, envs/<name>.yaml, to the packages that conda solves today.

Writes envs/<name>.linux-64.pin.txt, which Snakemake installs instead of solving the yaml. It then
never looks at the yaml, so what its `pip:` section names is installed by
envs/<name>.post-deploy.sh, written beside the pin file. Neither belongs into git: they depend on
the day and the channel.
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

PLATFORM = "linux-64"
PIN, POST_DEPLOY = f".{PLATFORM}.pin.txt", ".post-deploy.sh"
HEADER = "# made by `make pins` from {name}.yaml; not for git"


class PinError(Exception):
    """Why nothing was written, in one line."""


def main(folder: Path) -> None:
    """Solve every environment of a folder, then write all files; after an error none has changed.

    Raises
    ------
    PinError
        If there is no conda, or an environment cannot be solved.
    """
    files: dict[Path, str] = {}
    for path in sorted(folder.glob("*.yaml")):
        files |= {path.with_suffix(suffix): text for suffix, text in pinned(path).items()}
    for path, text in files.items():
        replace(path, text)
    for stale in {*folder.glob(f"*{PIN}"), *folder.glob(f"*{POST_DEPLOY}")} - {*files}:
        stale.unlink()


def pinned(path: Path) -> dict[str, str]:
    """Return the texts of one environment's files by their suffixes.

    Raises
    ------
    PinError
        As :func:`main`.
    """
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    header = HEADER.format(name=path.stem)
    conda = [item for item in content["dependencies"] if isinstance(item, str)]
    pip = [
        line for item in content["dependencies"] if isinstance(item, dict) for line in item["pip"]
    ]
    texts = {PIN: f"{header}\n{solved(path, content | {'dependencies': conda})}"}
    if pip:
        texts[POST_DEPLOY] = (
            f"{header}\nset -e\npython -m pip install --no-input {shlex.join(pip)}\n"
        )
    return texts


def solved(path: Path, content: dict[str, Any]) -> str:
    """Return conda's explicit list of the packages of an environment, which it makes for the while.

    Raises
    ------
    PinError
        As :func:`main`, or if the list is empty.
    """
    with tempfile.TemporaryDirectory(prefix="e3d-pins-") as folder:
        prefix, file = str(Path(folder, "prefix")), Path(folder, path.name)
        file.write_text(json.dumps(content))  # JSON is YAML
        conda(path, ["env", "create", "--quiet", "--file", str(file), "--prefix", prefix])
        text = conda(path, ["list", "--explicit", "--md5", "--prefix", prefix])
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    if lines[:1] != ["@EXPLICIT"] or len(lines) < 2:
        raise PinError(
            f"{path}: conda lists no packages of it. Run `conda list --explicit` by hand."
        )
    return "\n".join([*lines, ""])


def conda(path: Path, arguments: Sequence[str]) -> str:
    """Run conda for one environment file and return what it prints.

    Raises
    ------
    PinError
        As :func:`main`.
    """
    environment = os.environ | {"CONDA_SUBDIR": PLATFORM}
    try:
        done = subprocess.run(
            ["conda", *arguments], env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise PinError(
            "no `conda` on PATH. Install Miniforge or load your site's module, then try again."
        ) from None
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())
        raise PinError(
            f"{path}: conda failed: {said[:400]}. "
            "Nothing was written; correct the file or reach the channel."
        )
    return done.stdout


def replace(path: Path, text: str) -> None:
    """Write a file in one step: a reader sees the old one or the new one."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    try:
        main(Path(__file__).parent)
    except (PinError, OSError) as error:
        sys.exit(f"make pins: {error}")
