"""A real Slurm on this machine's loopback: controller, node with two stand-in GPUs, database.

    E3D_SLURM_LAB=1 python tests/slurm/lab.py start | stop

It needs root, Debian's packages and /etc/slurm: the job step plug-in of Snakemake drops SLURM_CONF,
so the configuration must be where Slurm looks for it. Therefore nothing happens without
E3D_SLURM_LAB=1, and someone else's configuration is left alone.
"""

import contextlib
import os
import shutil
import signal
import socket
import string
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

VARIABLE = "E3D_SLURM_LAB"
HERE = Path(__file__).parent
ETC = Path("/etc/slurm")
STATE = Path("/var/tmp/e3d-slurm-lab")
PACKAGES = (
    *("slurmctld", "slurmd", "slurm-client", "munge"),
    *("slurmdbd", "slurm-wlm-mysql-plugin", "mariadb-server-core", "mariadb-client-core"),
)
CONFIGURATIONS = ("slurm.conf", "gres.conf", "slurmdbd.conf")
DAEMONS = ("slurmd", "slurmctld", "slurmdbd", "mariadbd", "munged")
PORTS = {
    "controller_port": 16817,
    "node_port": 16818,
    "accounting_port": 16819,
    "database_port": 13306,
}
ACCOUNT = "study"
MEMORY_MB = 32000
_STATE_SAVED = 7  # seconds within which the controller writes down what it knows


class LabError(Exception):
    """Why there can be no Slurm here, in one line."""


def start() -> None:
    """Install what is missing, start everything, and wait for an idle node.

    Raises
    ------
    LabError
        If it was not asked for, cannot be, or something does not come up.
    """
    _check()
    _install()
    stop()
    for folder in ("munge", "controller", "node"):
        (STATE / folder).mkdir(parents=True, exist_ok=True)
    STATE.chmod(0o755)
    _stand_in_gpus()
    _write_configurations()
    _munge()
    _accounting()
    _controller()
    _run("slurmd", "-c")
    _wait("an idle node", lambda: "idle" in _output("sinfo", "-h", "-o", "%t"))


def stop() -> None:
    """End every daemon this started, by the numbers in its files, and remove the configuration."""
    for daemon in DAEMONS:
        _end(daemon)
    for name in CONFIGURATIONS:
        if _ours(ETC / name):
            (ETC / name).unlink()
    shutil.rmtree(STATE, ignore_errors=True)


def crash_controller(seconds: float = 10) -> None:
    """Kill the controller without warning while jobs run, and start it again after a while.

    No job starts meanwhile: a controller of Slurm 22.05 that gives out a GPU before the node has
    reported its GPUs loses count of them, and one killed within seconds of a job's start, before it
    saves its state, does not know the job. Both need an administrator on any cluster.
    """
    node = _output("sinfo", "-h", "-o", "%n").strip()
    _run("scontrol", "update", f"nodename={node}", "state=drain", "reason=test")
    time.sleep(_STATE_SAVED)
    _end("slurmctld", signal.SIGKILL)
    time.sleep(seconds)
    _controller()
    _wait("the node", lambda: "dr" in _output("sinfo", "-h", "-o", "%t"))
    time.sleep(_STATE_SAVED)
    _run("scontrol", "update", f"nodename={node}", "state=resume")


def _controller() -> None:
    """Start the controller, from the state that an earlier one saved."""
    _run("slurmctld", "-i")
    _wait("the controller", lambda: "UP" in _output("scontrol", "ping"))


def _check() -> None:
    if os.environ.get(VARIABLE) != "1":
        raise LabError(
            f"this starts a Slurm on this machine, installs Debian packages for it and writes "
            f"{ETC}: only where {VARIABLE}=1 allows it. Set it where that does no harm, such as in "
            "a container."
        )
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise LabError(
            "a Slurm of one's own needs root and Debian's packages. "
            "Run it in a Debian container as root."
        )
    for name in CONFIGURATIONS:
        path = ETC / name
        if (path.exists() or path.is_symlink()) and not _ours(path):
            raise LabError(
                f"{path} is someone else's: this machine has a Slurm. "
                "Run it on a machine that has none."
            )


def _ours(path: Path) -> bool:
    return path.is_symlink() and Path(os.readlink(path)).parent == STATE


def _install() -> None:
    if all(
        shutil.which(name)
        for name in ("slurmctld", "slurmd", "slurmdbd", "munged", "mariadbd", "mariadb")
    ):
        return
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (
        ("update", "-q"),
        ("install", "-q", "-y", "--no-install-recommends", *PACKAGES),
    ):
        done = subprocess.run(
            ["apt-get", *arguments], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise LabError(f"apt-get {arguments[0]} failed: {' '.join(done.stderr.split())[-300:]}")


def _stand_in_gpus() -> None:
    for index in range(2):
        os.mknod(STATE / f"gpu{index}", 0o20666, os.makedev(1, 3))  # twins of /dev/null


def _write_configurations() -> None:
    values = {
        "host": socket.gethostname().split(".")[0],
        "state": STATE,
        "cpus": max(2, os.cpu_count() or 2),
        "memory": MEMORY_MB,
        **PORTS,
    }
    ETC.mkdir(exist_ok=True)
    for name in CONFIGURATIONS:
        text = string.Template((HERE / name).read_text(encoding="utf-8")).substitute(values)
        (STATE / name).write_text(text, encoding="utf-8")
        (STATE / name).chmod(0o600 if name == "slurmdbd.conf" else 0o644)
        (ETC / name).symlink_to(STATE / name)


def _munge() -> None:
    folder = STATE / "munge"
    folder.chmod(0o755)
    (folder / "key").write_bytes(os.urandom(128))
    (folder / "key").chmod(0o400)
    files = {"key-file": "key", "socket": "socket", "seed-file": "seed", "log-file": "log"}
    options = [f"--{option}={folder / name}" for option, name in files.items()]
    _run("munged", *options, f"--pid-file={STATE / 'munged.pid'}", "--num-threads=2", "--force")


def _accounting() -> None:
    database, database_socket = STATE / "database", STATE / "database.socket"
    _run(
        *(
            "mariadb-install-db",
            "--no-defaults",
            "--user=root",
            f"--datadir={database}",
            "--skip-test-db",
        ),
        "--auth-root-authentication-method=socket",
    )
    _run(
        *("setsid", "--fork", "mariadbd", "--no-defaults", "--user=root", f"--datadir={database}"),
        *(
            f"--socket={database_socket}",
            f"--pid-file={STATE / 'mariadbd.pid'}",
            "--bind-address=127.0.0.1",
        ),
        *(
            f"--port={PORTS['database_port']}",
            "--skip-name-resolve",
            f"--log-error={STATE / 'mariadbd.log'}",
        ),
        *("--innodb-buffer-pool-size=64M", "--innodb-lock-wait-timeout=900"),
    )
    client = ("mariadb", "--no-defaults", "-S", str(database_socket), "-e")
    _wait(
        "the database",
        lambda: (
            subprocess.run([*client, "select 1"], capture_output=True, check=False).returncode == 0
        ),
    )
    _run(
        *client,
        "create database slurm_acct; create user 'slurm'@'127.0.0.1' identified by 'loopback';"
        "grant all on slurm_acct.* to 'slurm'@'127.0.0.1';",
    )
    _run("slurmdbd")
    _wait("the accounting daemon", _accounting_answers)
    for entity in (
        ("cluster", "loopback"),
        ("account", ACCOUNT),
        ("user", "root", f"account={ACCOUNT}"),
    ):
        _run("sacctmgr", "-i", "add", *entity)


def _accounting_answers() -> bool:
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", PORTS["accounting_port"]), timeout=1),
    ):
        return True
    return False


def _run(*command: str) -> None:
    """Run a command to its end; daemons go to the background themselves."""
    with (STATE / "lab.log").open("a+", encoding="utf-8") as log:
        start = log.tell()
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=60, check=False
        )
        if done.returncode:
            log.seek(start)
            raise LabError(f"{command[0]} failed: {' '.join(log.read().split())[-300:]}")


def _output(*command: str) -> str:
    with contextlib.suppress(subprocess.TimeoutExpired):
        return subprocess.run(
            command, capture_output=True, text=True, timeout=5, check=False
        ).stdout
    return ""


def _wait(what: str, ready: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise LabError(
                f"{what} did not come up within {seconds:.0f} s: the logs are in {STATE}."
            )
        time.sleep(0.2)


def _end(daemon: str, how: signal.Signals = signal.SIGTERM) -> None:
    file = STATE / f"{daemon}.pid"
    try:
        number = int(file.read_text())
        os.kill(number, how)
    except (OSError, ValueError):
        return
    end = time.monotonic() + 15
    while Path(f"/proc/{number}").exists() and time.monotonic() < end:
        time.sleep(0.1)


def main(arguments: list[str]) -> int:
    """Start or stop; return the exit code."""
    commands = {"start": start, "stop": stop}
    if len(arguments) != 1 or arguments[0] not in commands:
        sys.stderr.write(f"usage: {VARIABLE}=1 python {Path(__file__).name} start | stop\n")
        return 2
    try:
        commands[arguments[0]]()
    except LabError as error:
        sys.stderr.write(f"slurm lab: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
