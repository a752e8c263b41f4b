"""The warm process inside the sandbox: it has torch imported and forks one confined process for each submission.

No submission runs here. For each one a child of this process, the *supervisor*, makes namespaces, forks the process in
which the submission runs without any privilege (`coursekit.grading.worker`), watches what it uses, and kills it with
all its descendants at the end. The supervisor still has the privilege to do so; the submission sees neither it nor this
process, since its own process numbers begin at one.

Started by `coursekit.grading.sandbox` as ``python -m coursekit.grading.nursery``, with a socket as its standard input.
Each job comes as one JSON message with two sockets: the submission's channel and the supervisor's own.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from typing import Any

import coursekit
from coursekit.grading import confinement
from coursekit.grading.result import Limits

PRELOADED = (
    "numpy.random",
    "torch",
    "torch.distributions",
    "torch.fx.experimental.symbolic_shapes",  # torch imports it, and with it sympy, at the first check of arguments
    "torch.nn.functional",
    "matplotlib.pyplot",
    "coursekit.grading.worker",
)
POLL_SECONDS = 0.02
LARGEST_JOB = 2**16


def main() -> None:
    """Serve jobs until the socket is closed."""
    control = socket.socket(fileno=os.dup(0))
    confined = os.environ["COURSEKIT_CONFINED"] == "1"
    user = int(os.environ["COURSEKIT_USER"]) if "COURSEKIT_USER" in os.environ else None
    for name in PRELOADED:
        importlib.import_module(name)
    for name in coursekit.__all__:
        getattr(coursekit, name)
    sys.modules["torch"].set_num_threads(1)  # a pool of threads would not survive the fork
    seccomp = confinement.Filter() if confined else None
    gc.freeze()  # so that no submission's collector walks over, and thereby copies, what is here
    control.send(b"ready")
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, LARGEST_JOB, 2)
        if not message:
            return
        pid = os.fork()
        if pid == 0:
            control.close()
            with contextlib.suppress(BaseException):
                channel, reports = (socket.socket(fileno=descriptor) for descriptor in descriptors)
                supervise(json.loads(message), channel, reports, seccomp, user)
            os._exit(0)
        for descriptor in descriptors:
            os.close(descriptor)
        os.waitpid(pid, 0)  # one submission at a time: nothing of the last one is left when the next one starts


def supervise(
    job: dict[str, Any],
    channel: socket.socket,
    reports: socket.socket,
    seccomp: confinement.Filter | None,
    user: int | None,
) -> None:
    """Run one submission in a child, watch it, end it and tell how it ended."""
    limits = Limits(**job["limits"])
    if seccomp is not None:
        confinement.own_processes()
    confinement.reap_orphans()
    pid = os.fork()
    if pid == 0:
        reports.close()
        try:
            confine(limits, job, seccomp, user)
            run(channel, limits)
        finally:
            os._exit(0)
    channel.close()
    reason, peak = watch(pid, reports, limits)
    os.kill(pid, signal.SIGKILL)  # the first process of its namespace: the kernel kills all others there
    _, status, usage = os.wait4(pid, 0)
    while others := descendants(os.getpid()):  # without a sandbox there is no such namespace
        for other in others:
            with contextlib.suppress(ProcessLookupError):
                os.kill(other, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)
    if reason is None and os.WIFSIGNALED(status) and usage.ru_utime + usage.ru_stime >= limits.seconds:
        reason = "timeout"
    reports.send(json.dumps({"reason": reason, "peak": peak}).encode())


def confine(limits: Limits, job: dict[str, Any], seccomp: confinement.Filter | None, user: int | None) -> None:
    """Give up everything that the submission must not have."""
    confinement.die_with_parent()
    os.setsid()
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # if the machine runs out of memory, this is what goes first
    if seccomp is not None:
        confinement.own_files(limits, job["scratch"], job["hidden"])
    confinement.limit_resources(limits, count_processes=seccomp is not None)
    if seccomp is not None:
        confinement.drop_privileges(user)
        seccomp.load()
    os.chdir(confinement.HOME if seccomp is not None else os.environ["HOME"])


def run(channel: socket.socket, limits: Limits) -> None:
    """Become the worker."""
    from coursekit.grading.messages import Channel
    from coursekit.grading.worker import Worker

    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    kept = channel.fileno()
    os.closerange(3, kept)
    os.closerange(kept + 1, 4096)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(name, signal.SIG_DFL)
    Worker(Channel(channel, limits.answer_size, limits.answer_size)).serve()


def watch(pid: int, reports: socket.socket, limits: Limits) -> tuple[str | None, int]:
    """Wait until the submission's process ends, uses too much, or is no longer wanted; why, and its peak of memory."""
    peak, deadline = 0, time.monotonic() + limits.seconds
    process = os.pidfd_open(pid)
    poll = select.poll()
    for descriptor in (process, reports.fileno()):
        poll.register(descriptor, select.POLLIN | select.POLLHUP)
    while not poll.poll(1000 * POLL_SECONDS):
        pids = [pid, *descendants(pid)]
        used = sum(map(private_memory, pids))
        if used > limits.memory:
            used = sum(map(proportional_memory, pids))  # dearer, but counts what is shared once
        peak = max(peak, used)
        if used > limits.memory:
            return "memory limit", peak
        if time.monotonic() > deadline:
            return "timeout", peak
    return None, peak


def descendants(pid: int) -> list[int]:
    """All processes below one."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError), open(f"/proc/{name}/stat") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(name))
    found, queue = [], [pid]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def private_memory(pid: int) -> int:
    """Bytes that are not backed by files; shared ones are counted for each process."""
    with contextlib.suppress(OSError, ValueError), open(f"/proc/{pid}/statm") as file:
        resident, shared = map(int, file.read().split()[1:3])
        return (resident - shared) * os.sysconf("SC_PAGE_SIZE")
    return 0


def proportional_memory(pid: int) -> int:
    """Bytes, where what several processes share is divided among them."""
    with contextlib.suppress(OSError, ValueError), open(f"/proc/{pid}/smaps_rollup") as file:
        lines = dict(line.split(":", 1) for line in file.read().splitlines()[1:])
        return 1024 * int(lines["Pss_Anon"].split()[0])
    return 0


if __name__ == "__main__":
    main()
