"""The sandbox in which submissions run, seen from outside: bubblewrap, and in it a warm process (`nursery`).

bubblewrap gives that process no network, no environment, a read-only view of the Python installation and of nothing
else. The rest is done for each submission anew (`coursekit.grading.confinement`).
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import coursekit
from coursekit.grading.confinement import HOME
from coursekit.grading.messages import STRUCTURE, Channel
from coursekit.grading.result import Limits

START_SECONDS = 120
END_SECONDS = 10
SYSTEM_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")
SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts", "/etc/localtime")
PACKAGE = "/coursekit"  # where the sandbox has a folder with nothing but this package
HOW_TO = """Submissions run in a sandbox made by bubblewrap, which cannot be had here:

  {reason}

- Linux only. On macOS and Windows use a virtual machine (WSL 2 is one).
- Install it: `apt install bubblewrap libseccomp2` (Debian, Ubuntu), `dnf install bubblewrap libseccomp` (Fedora).
- In a container: Docker's own filter forbids the namespaces that a sandbox is made of. Start it with
  `--security-opt seccomp=unconfined --security-opt apparmor=unconfined --cap-add SYS_ADMIN`, or use a virtual machine.
- On Ubuntu 24.04 and later, without root: `sysctl kernel.apparmor_restrict_unprivileged_userns=0`.

`--unsafe-no-sandbox` runs submissions with your rights and your network: only for notebooks that you wrote yourself."""


class SandboxUnavailable(RuntimeError):
    """There is no sandbox on this machine; the message says why and how to get one."""


def unavailable(reason: str) -> SandboxUnavailable:
    """The exception for a reason."""
    return SandboxUnavailable(HOW_TO.format(reason=reason.strip() or "no reason was given"))


class SandboxFailed(RuntimeError):
    """The sandbox itself has ended or answers no more: no submission's fault."""


class Sandbox:
    """A sandbox with a warm process in it, for one submission after the other.

    Parameters
    ----------
    unsafe
        Run the same processes without any confinement but time and memory.

    Raises
    ------
    SandboxUnavailable
        Where bubblewrap is missing or may not make namespaces.
    """

    def __init__(self, *, unsafe: bool = False) -> None:
        self.unsafe = unsafe
        self.scratch = tempfile.TemporaryDirectory(prefix="coursekit-") if unsafe else None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with tempfile.TemporaryFile() as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "coursekit.grading.nursery"] if unsafe else bubblewrap(),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=environment(self.scratch.name, confined=False) if self.scratch else {},
                cwd="/",
            )
            theirs.close()
            self.control = ours
            self.control.settimeout(START_SECONDS)
            try:
                started = self.control.recv(64) == b"ready"
            except (TimeoutError, OSError):
                started = False
            if not started:
                self.close()
                errors.seek(0)
                raise unavailable(errors.read(2000).decode("utf-8", "replace"))

    def run(self, limits: Limits, hidden: list[str]) -> Run:
        """A fresh confined process, ready to load a submission; it sees nothing of the folders ``hidden``."""
        channel, theirs = socket.socketpair()
        reports, their_reports = socket.socketpair()
        job = {"limits": dataclasses.asdict(limits), "scratch": scratch(), "hidden": hidden}
        try:
            socket.send_fds(self.control, [json.dumps(job).encode()], [theirs.fileno(), their_reports.fileno()])
        except OSError as error:
            raise SandboxFailed(f"the sandbox takes no more submissions ({error!r})") from None
        finally:
            theirs.close()
            their_reports.close()
        return Run(channel, reports, limits)

    def close(self) -> None:
        """End the sandbox and all in it."""
        self.control.close()
        self.process.kill()
        self.process.wait()
        if self.scratch is not None:
            self.scratch.cleanup()


class Run:
    """One confined process with a submission in it."""

    def __init__(self, channel: socket.socket, reports: socket.socket, limits: Limits) -> None:
        self.socket = channel
        self.channel = Channel(channel, limits.answer_size, STRUCTURE)
        self.reports = reports
        self.ended: dict[str, Any] | None = None

    def end(self) -> dict[str, Any]:
        """Kill the process and all that it started; why the supervisor had ended it already (or None), and its peak."""
        if self.ended is None:
            self.socket.close()
            self.reports.settimeout(END_SECONDS)
            try:
                self.reports.shutdown(socket.SHUT_WR)
                self.ended = json.loads(self.reports.recv(4096))
            except (OSError, ValueError) as error:
                raise SandboxFailed(f"the supervisor of a submission gave no report ({error!r})") from None
            finally:
                self.reports.close()
        return self.ended


def environment(home: str, *, confined: bool) -> dict[str, str]:
    """All environment variables that there are in the sandbox."""
    variables = {
        "PATH": "/usr/bin:/bin",
        "HOME": home,
        "TMPDIR": home,
        "LANG": "C.UTF-8",
        "USER": "student",
        "MPLBACKEND": "Agg",
        "TQDM_DISABLE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "COURSEKIT_CONFINED": str(int(confined)),
        "PYTHONPATH": os.pathsep.join([PACKAGE if confined else str(Path(coursekit.__file__).parents[1]), *packages()]),
    }
    if confined and os.geteuid() == 0:
        variables["COURSEKIT_USER"] = str(1_000_000_000 + os.getpid())  # no one else's, so that limits count only it
    return variables


def bubblewrap() -> list[str]:
    """The command that starts the warm process in the sandbox."""
    program = shutil.which("bwrap")
    if program is None:
        raise unavailable("There is no program `bwrap`.")
    command = [program, "--die-with-parent", "--new-session", "--clearenv", "--hostname", "sandbox"]
    command += ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    capabilities = ["CAP_SYS_ADMIN", "CAP_SETPCAP"]  # to make each submission's namespaces, and to drop them all
    if os.geteuid() == 0:
        capabilities += ["CAP_SETUID", "CAP_SETGID", "CAP_KILL", "CAP_SYS_PTRACE"]
    else:
        command += ["--unshare-user"]
    command += ["--cap-drop", "ALL"]
    for capability in capabilities:
        command += ["--cap-add", capability]
    for name, value in environment(HOME, confined=True).items():
        command += ["--setenv", name, value]
    for folder in SYSTEM_FOLDERS:
        if os.path.islink(folder):
            command += ["--symlink", os.readlink(folder), folder]
        elif os.path.isdir(folder):
            command += ["--ro-bind", folder, folder]
    for path in SYSTEM_FILES:
        command += ["--ro-bind-try", path, path]
    command += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", HOME]
    package = str(Path(coursekit.__file__).parent)
    for source, path in [*((path, path) for path in installation()), (package, f"{PACKAGE}/coursekit")]:
        for parent in reversed(Path(path).parents):  # left to itself, bubblewrap makes them for its own user only
            command += ["--dir", str(parent)]
        command += ["--ro-bind", source, path]
    command += ["--remount-ro", "/tmp", "--remount-ro", "/"]
    return [*command, "--chdir", "/", sys.executable, "-P", "-m", "coursekit.grading.nursery"]


def scratch() -> list[str]:
    """The folders that a submission can write to: not /tmp where Python's installation lies below it."""
    return [HOME, "/dev/shm"] + ([] if any(_below(path, ["/tmp"]) for path in installation()) else ["/tmp"])


def packages() -> list[str]:
    """The folders of installed packages that this process imports from."""
    return [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]


def installation() -> list[str]:
    """The folders of this Python and its packages, none inside another or inside the system's."""
    folders = {os.path.abspath(path) for path in (sys.prefix, sys.base_prefix, sys.exec_prefix, *packages())}
    folders |= {os.path.realpath(folder) for folder in folders}
    # The interpreter of a virtual environment is a link, perhaps through further links.
    folders.add(str(Path(os.path.realpath(sys.executable)).parents[1]))
    outside = {folder for folder in folders if os.path.isdir(folder) and not _below(folder, SYSTEM_FOLDERS)}
    return sorted(folder for folder in outside if not _below(folder, outside - {folder}))


def _below(path: str, folders: Any) -> bool:
    return any(Path(path).is_relative_to(folder) for folder in folders)


def visible(path: Path) -> bool:
    """Whether the sandbox would show a path, were it not hidden."""
    return _below(str(path), [*SYSTEM_FOLDERS, *installation()])
