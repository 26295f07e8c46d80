"""A copy of the project, beside a conda of its own: nothing outside its folder is written."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import standin_packages
import yaml

from planning import copy_project

ACTIVATE = 'export CONDA_PREFIX="$1" PATH="$1/bin:$PATH"\n'
Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Project:
    """A folder with ``project/``, the stand-in's ``conda/``, and ``bin/``, first on PATH."""

    home: Path

    @property
    def folder(self) -> Path:
        return self.home / "project"

    @property
    def environment(self) -> dict[str, str]:
        """Variables of a user who has this conda, without the tests' own packages on the path."""
        kept = {
            key: value
            for key, value in os.environ.items()
            if key not in ("PYTHONPATH", "CONDA_SUBDIR")
        }
        return kept | {
            "PATH": f"{self.home / 'bin'}:{Path(sys.executable).parent}:{kept['PATH']}",
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "OMP_NUM_THREADS": "1",
            "NO_PROXY": "127.0.0.1",
        }

    @property
    def calls(self) -> list[str]:
        """What conda was asked for so far, questions about itself left out."""
        lines = (self.home / "conda" / "calls").read_text().splitlines()
        return [
            line
            for line in lines
            if line.split()[0] not in ("--version", "info", "config", "clean")
        ]

    def run(self, *command: str, **variables: str) -> Done:
        """Run a command in the project."""
        environment = self.environment | variables
        return subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )

    def snakemake(self, *arguments: str) -> Done:
        """Run Snakemake with ``--sdm conda``."""
        program = str(Path(sys.executable).with_name("snakemake"))
        return self.run(program, "--sdm", "conda", "--cores", "2", "--show-failed-logs", *arguments)

    def prefixes(self) -> dict[str, Path]:
        """Return the prefix that was made of each environment file."""
        files = (self.folder / "envs").glob("*.yaml")
        names = {path.read_text(): path.stem for path in files}
        made = (self.folder / ".snakemake" / "conda").glob("*.yaml")
        return {names[path.read_text()]: path.with_suffix("") for path in made}

    def write_program(self, name: str, text: str) -> None:
        """Put a shell script of this name first on PATH."""
        path = self.home / "bin" / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    @contextmanager
    def edited(self, name: str, old: str, new: str) -> Iterator[None]:
        """Change a text of one of the project's files, which must hold it, for the while."""
        path = self.folder / name
        before = path.read_text()
        assert old in before
        path.write_text(before.replace(old, new))
        try:
            yield
        finally:
            path.write_text(before)


def make_project(home: Path) -> Project:
    """Copy the project without results; set up the stand-in, its channel what is installed."""
    project = Project(home)
    project.folder.mkdir(parents=True)
    copy_project(project.folder)
    for made in (project.folder / "envs").glob("*.*.*"):  # a developer's own pins
        made.unlink()
    standin_packages.write_channel(home / "conda" / "channel")
    (home / "bin").mkdir()
    (home / "conda" / "bin").mkdir()
    (home / "conda" / "bin" / "activate").write_text(ACTIVATE)
    (home / "conda" / "calls").touch()
    program = shlex.join([sys.executable, str(Path(__file__).with_name("standin.py"))])
    project.write_program(
        "conda", f'CONDA_STANDIN={shlex.quote(str(home / "conda"))} exec {program} "$@"'
    )
    return project


def add_datasets(project: Project, entries: dict[str, dict[str, object]]) -> None:
    """Add entries to the project's datasets."""
    with (project.folder / "config" / "datasets.yaml").open("a") as file:
        file.write(yaml.safe_dump(entries))
