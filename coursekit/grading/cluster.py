"""Marking in many processes: dask workers, each with a warm grader, on this machine or on others.

All that a job needs comes with it: the notebook as bytes, the graded tests with the files beside them. So a cluster
elsewhere needs nothing but this package, and a sandbox on its workers.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import tempfile
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask
from distributed import Client, LocalCluster, Security, Worker, WorkerPlugin, as_completed, get_worker

from coursekit.grading.grader import Grader
from coursekit.grading.result import Result
from coursekit.grading.sandbox import SandboxUnavailable

WAIT_SECONDS = 60
"""For a scheduler elsewhere and its first worker."""


@dataclass(frozen=True)
class Job:
    """One submission to be marked."""

    student: str
    content: bytes
    problem: str = ""
    """Why there is no content, if so."""


class Marker(WorkerPlugin):
    """Keeps the graded tests and one warm grader in each worker's process.

    Parameters
    ----------
    exercise
        Its name, `family/exercise`.
    tests
        The name of the file with the graded tests.
    content_of
        That file and those beside it.
    seed
        The secret.
    unsafe_no_sandbox
        As for `Grader`.
    """

    def __init__(
        self, exercise: str, tests: str, content_of: dict[str, bytes], *, seed: str, unsafe_no_sandbox: bool
    ) -> None:
        self.name = f"coursekit-{uuid.uuid4().hex}"
        self.exercise = exercise
        self.tests = tests
        self.content_of = content_of
        self.seed = seed
        self.unsafe = unsafe_no_sandbox

    def setup(self, worker: Worker) -> None:
        """In a worker: nothing yet, so that the grader starts where a first job comes."""
        self.lock = threading.Lock()  # one submission at a time, however many threads the worker has
        self.grader: Grader | None = None
        self.ended = False

    def mark(self, job: Job) -> Result:
        """In a worker: the marks of one submission."""
        with self.lock:
            if self.grader is None:
                self._start()
            assert self.grader is not None
            notebook = Path(self.folder.name) / "submission.ipynb"
            if not job.problem:
                notebook.write_bytes(job.content)
            try:
                result = self.grader.grade(notebook, self.home / self.tests, student=job.student, seed=self.seed)
            finally:
                notebook.unlink(missing_ok=True)
                if self.ended:
                    self._close()
        if job.problem and result.status.startswith("bad notebook"):  # there is no such file
            result.status = f"bad notebook: {job.problem}"
        result.exercise = self.exercise
        return result

    def _start(self) -> None:
        self.grader = Grader(unsafe_no_sandbox=self.unsafe)
        self.folder = tempfile.TemporaryDirectory(prefix="coursekit-")
        self.home = Path(self.folder.name) / "solutions" / self.exercise
        self.home.mkdir(parents=True)
        for name, content in self.content_of.items():
            (self.home / name).write_bytes(content)

    def _close(self) -> None:
        if self.grader is not None:
            self.grader.close()
            self.folder.cleanup()
            self.grader = None

    def teardown(self, worker: Worker) -> None:
        """In a worker: end the grader, after what it is at."""
        self.ended = True
        if self.lock.acquire(blocking=False):
            self._close()
            self.lock.release()


def _mark(marker: str, job: Job) -> Result:
    plugin = get_worker().plugins[marker]
    assert isinstance(plugin, Marker)
    return plugin.mark(job)


def mark(client: Client, marker: Marker, jobs: Iterator[Job]) -> Iterator[Result]:
    """The results of all jobs, each as soon as it is there.

    Raises
    ------
    SandboxUnavailable
        If a worker has no sandbox.
    ConnectionError
        If the scheduler is gone.
    """
    client.register_plugin(marker)
    waiting: dict[Any, Job] = {}
    futures = as_completed()

    def submit() -> None:
        for job in jobs:
            future = client.submit(_mark, marker.name, job, pure=False)
            waiting[future.key] = job
            futures.add(future)
            return

    try:
        for _ in range(2 * max(sum(client.nthreads().values()), 4)):  # no more notebooks in memory than these
            submit()
        for future in futures:
            job = waiting.pop(future.key)
            submit()
            if future.status not in ("finished", "error"):
                raise ConnectionError("the connection to the scheduler was lost; the same command continues")
            error = future.exception()
            if isinstance(error, SandboxUnavailable):
                raise error
            yield future.result() if error is None else _fault(job, marker, error)
    finally:
        with contextlib.suppress(Exception):
            client.unregister_worker_plugin(marker.name)


def _fault(job: Job, marker: Marker, error: BaseException) -> Result:
    """What there is to say where a worker failed."""
    why = f"{type(error).__name__}: {error}"
    return Result.fault(job.student, why, seed=marker.seed, exercise=marker.exercise, sandboxed=not marker.unsafe)


@contextlib.contextmanager
def cluster(workers: int, scheduler: str | None) -> Iterator[Client]:
    """A client of the ``scheduler``, or of as many ``workers`` on this machine.

    Raises
    ------
    ConnectionError
        If the scheduler does not answer or has no worker.
    """
    if scheduler is not None:
        with _connected(scheduler) as client:
            yield client
        return
    # Without encryption and a key, every user of this machine could give the workers something to run.
    security = Security.temporary()
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GiB"}):
        with _interrupt_ignored():  # by the workers, which end with this process
            local = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                memory_limit=0,
                security=security,
                silence_logs=logging.CRITICAL,
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
            )
        with local, Client(local) as client:
            yield client


def _connected(scheduler: str) -> Client:
    try:
        client = Client(scheduler, timeout=WAIT_SECONDS)
    except (OSError, ValueError) as error:
        raise ConnectionError(f"the scheduler {scheduler} does not answer: {error}") from None
    try:
        client.wait_for_workers(1, timeout=WAIT_SECONDS)
    except TimeoutError:
        client.close()
        raise ConnectionError(f"the scheduler {scheduler} has no worker") from None
    return client


@contextlib.contextmanager
def _interrupt_ignored() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
