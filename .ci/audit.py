"""Ask the package index whether a version in requirements.lock has a known vulnerability.

    make audit

The exit code is 1 if one has. An index that answers no such question, as a mirror may, is named.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parents[1] / "requirements.lock"
_OPTIONS = ("--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off")


def main() -> int:
    """Run pip-audit and print what it found in few lines."""
    done = subprocess.run(
        [sys.executable, "-m", "pip_audit", *_OPTIONS, "-r", str(LOCK)],
        capture_output=True,
        text=True,
        check=False,
    )
    if not done.stdout:
        sys.stdout.write(f"audit: nothing was checked: {done.stderr.strip()[-300:]}\n")
        return 0
    packages = json.loads(done.stdout)["dependencies"]
    sys.stdout.write("\n".join(summary(packages)) + "\n")
    return int(any(package.get("vulns") for package in packages))


def summary(packages: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for each vulnerability, and one that counts.

    >>> summary([{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "?"}])
    ['audit: 2 packages, 0 known vulnerabilities; 1 not known to the index']
    """
    lines = [
        f"audit: {package['name']} {package['version']}: {found['id']}, mended in "
        f"{', '.join(found['fix_versions']) or 'no version'}"
        for package in packages
        for found in package.get("vulns", ())
    ]
    unknown = sum("skip_reason" in package for package in packages)
    count = f"audit: {len(packages)} packages, {len(lines)} known vulnerabilities"
    return [*lines, f"{count}; {unknown} not known to the index" if unknown else count]


if __name__ == "__main__":
    sys.exit(main())
