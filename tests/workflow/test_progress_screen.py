"""What a run of Snakemake says: in a terminal and in a log, of failures, and when it is asked for
more."""

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from planning import BIN, SMOKE, snakemake

RULES = """include: "workflow/Snakefile"
rule slow:
    output: "small/{name}"
    log: "small/{name}.log"
    message: "making {wildcards.name}"
    shell: "echo why {wildcards.name} > {log}; sleep 2; test {wildcards.name} != bad > {output}"
rule both:
    input: "small/one", "small/two"
"""
NOISE = ("Reason", "Select jobs", "jobid", "Finished", "Shell command", "rule slow:")


@pytest.fixture
def small(project: Path) -> Path:
    """A project with rules that take two seconds."""
    (project / "Snakefile").write_text(RULES)
    return project


def test_a_log_has_plain_lines_and_what_was_asked_for(small: Path) -> None:
    dry = snakemake(small, "both", "-n")
    assert dry.returncode == 0, dry.stderr
    assert re.search(r"^slow +2$", dry.stdout, flags=re.MULTILINE)
    assert "About a few seconds of work on one core. Nothing was run (-n)" in dry.stdout
    assert not any(word in dry.stdout for word in NOISE)
    one = snakemake(small, "small/one")
    assert one.returncode == 0, one.stderr
    assert "1 job: about a few seconds" in one.stderr
    assert re.search(r"^\d\d:\d\d:\d\d +\d+ %  making one, a few seconds left$", one.stderr, re.M)
    assert not any(word in one.stderr for word in NOISE)
    assert "\x1b" not in one.stderr
    both = snakemake(small, "both", "-p")
    assert "2 jobs, 1 done before" in both.stderr
    assert "Reason: Missing output files: small/two" in both.stderr
    assert "sleep 2" in both.stderr
    again = snakemake(small, "both")
    assert again.returncode == 0
    assert "Nothing to be done" in again.stderr
    quiet = snakemake(small, "both", "-F", "--quiet")
    assert quiet.returncode == 0
    assert "making" not in quiet.stderr
    assert "left" not in quiet.stderr


def test_a_failure_is_one_line_with_the_end_of_its_log(small: Path) -> None:
    done = snakemake(small, "small/bad", "small/one", "--keep-going", "--cores", "1")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    at = lines.index("FAILED: making bad (rule slow); log small/bad.log, which ends:")
    assert lines[at + 1] == "    why bad"
    assert lines[-1].startswith("1 job failed (making bad), 1 of 2 jobs done. Mend the cause")
    assert "Traceback" not in done.stderr
    assert not any(word in done.stderr for word in NOISE)


def test_a_terminal_has_one_live_line(small: Path) -> None:
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [str(BIN / "snakemake"), "--cores", "1", "both"],
        cwd=small,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "70", "PATH": f"{BIN}:{os.environ['PATH']}"},
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    text = b""
    try:
        while part := os.read(controller, 65536):
            text += part
    except OSError:  # the other side is closed
        pass
    os.close(controller)
    assert process.wait() == 0
    shown = text.decode()
    live = re.findall(r"\r\x1b\[K([^\r\n]*)\r(?!\n)", shown)
    assert any(re.fullmatch(r" *\d+ %  making (one|two), .* left", line) for line in live)
    assert max(map(len, live)) < 70
    rest = re.sub(r"\r\x1b\[K([^\r\n]*\r(?!\n))?", "", shown)
    assert " left" not in rest
    assert "Done in" in rest
    assert not any(word in rest for word in NOISE)


def test_a_study_says_how_far_it_is_and_what_it_found(smoke: Path) -> None:
    text = (smoke / "said.txt").read_text()
    assert re.search(r"^\d+ jobs, 6 trainings among them: about \d+", text, re.M)
    shares = [int(share) for share in re.findall(r"^\d\d:\d\d:\d\d +(\d+) %", text, re.M)]
    assert shares == sorted(shares)
    assert len(shares) > 3
    assert re.search(r"training [1-6]/6 \(minispice/n\d+/nano[^ ]*/s\d\)", text)
    assert not any(word in text for word in NOISE)
    end = text[text.index("What it found:") :]
    assert len(re.findall(r"^- ", end, re.M)) == 5
    results = SMOKE[1].removeprefix("config/").removesuffix(".yaml")
    assert f"results/{results}/figures/findings.md" in end
    assert f"results/{results}/site/index.html: open it in a browser" in end
    assert re.search(r"^report +report\.html$", end, re.M)
