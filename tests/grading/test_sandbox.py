"""What a submission can see and do: asked from inside, judged outside."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from coursekit.grading import Grader, Limits, SandboxUnavailable, sandbox
from coursekit.grading.proxy import Session, Student
from tests.grading.conftest import MAX, RIGHT, notebook

SCOUT = """
import ctypes, os, socket, stat, sys
libc = ctypes.CDLL(None, use_errno=True)
def attempt(function, *arguments):
    try:
        return str(function(*arguments))
    except OSError as error:
        return 'refused'
def root(): return sorted(os.listdir('/'))
def listing(path): return attempt(lambda: ' '.join(sorted(os.listdir(path))))
def read(path): return attempt(lambda: open(path).read(20))
def write(path): return attempt(lambda: open(path, 'w').write('x'))
def environment(): return sorted(os.environ)
def identity(): return [os.getuid(), os.geteuid(), os.getgid(), os.getppid(), os.getgroups()]
def become_root(): return attempt(os.setuid, 0)
def connect(port): return attempt(lambda: socket.create_connection(('127.0.0.1', port), 1))
def connect_unix(path): return attempt(lambda: socket.socket(socket.AF_UNIX).connect(path))
def family(number):
    return attempt(lambda: socket.socket(number, socket.SOCK_RAW if number == 17 else socket.SOCK_DGRAM))
def call(name, *arguments): return libc[name](*arguments)
def flags(): return [libc.prctl(39, 0, 0, 0, 0), libc.prctl(21, 0, 0, 0, 0)]
def capabilities():
    header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    libc.capget(header, data)
    return list(data)
def descriptors():
    found = []
    for number in range(1024):
        try:
            found.append(stat.S_IFMT(os.fstat(number).st_mode))
        except OSError:
            pass
    return found
def package(): import coursekit as ck; return [len(ck.data.mnist().train), ck.__file__]
"""


@pytest.fixture(scope="module")
def box():
    box = sandbox.Sandbox()
    yield box
    box.close()


@pytest.fixture
def scout(box):
    session = Session(box, [SCOUT], Limits(), [])
    session.begin(0)
    yield Student(session)
    session.end()


def test_files_are_out_of_sight(scout, tmp_path):
    secret = tmp_path / "test_hidden.py"
    secret.write_text("expected")
    here = Path(__file__).resolve()
    for path in (secret, here, here.parents[2] / "pyproject.toml", Path("/etc/passwd"), Path("/etc/shadow")):
        assert path.exists()
        assert scout.read(str(path)) == "refused"
    assert set(scout.root()) <= {*sandbox_folders(), "tmp", "home", "dev", "proc", "etc", "coursekit"}
    assert scout.listing("/home") == "student"
    assert scout.listing("/proc") == ""
    assert {scout.listing(folder) for folder in sandbox.scratch()} == {""}
    assert "solutions" not in scout.listing(str(here.parents[2]))


def sandbox_folders():
    return {Path(path).parts[1] for path in (*sandbox.SYSTEM_FOLDERS, *sandbox.installation())}


def test_nothing_can_be_written_but_scratch(scout):
    for folder in (
        "/",
        "/usr",
        "/etc",
        "/dev",
        "/proc",
        "/coursekit/coursekit",
        sys.prefix,
        os.path.dirname(os.__file__),
    ):
        assert scout.write(f"{folder}/x") == "refused"
    for folder in sandbox.scratch():
        assert scout.write(f"{folder}/x") == "1"


def test_the_environment_is_empty_of_ours(scout, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "x")
    assert set(scout.environment()) <= {*sandbox.environment("/", confined=True), "PWD", "LC_CTYPE"}


def test_no_privilege(scout):
    user, effective, group, parent, groups = scout.identity()
    assert user == effective != 0 and group != 0 and parent == 0
    assert groups in ([], [group])
    assert scout.become_root() == "refused"
    assert scout.capabilities() == [0] * 6
    assert scout.flags() == [1, 2]  # no new privileges; seccomp filters


def test_no_network(scout):
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert scout.connect(server.getsockname()[1]) == "refused"
    for family in (16, 17, 31, 38, 40):  # netlink, packet, Bluetooth, the kernel's cryptography, the hypervisor
        assert scout.family(family) == "refused"
    assert scout.family(1) != "refused"


def test_no_other_namespaces_processes_or_uncounted_memory(scout):
    assert scout.call("unshare", 0x10000000) == -1
    assert scout.call("mount", None, None, None, 0, None) == -1
    assert scout.call("umount2", 0, 2) == -1
    assert scout.call("ptrace", 0, 0, 0, 0) == -1
    assert scout.call("memfd_create", 0, 0) == -1
    assert scout.call("shmget", 0, 4096, 0o1600) == -1
    assert scout.call("kill", 2, 0) == -1


def test_no_descriptor_but_its_own(scout):
    kinds = scout.descriptors()
    assert len(kinds) == 4  # the null device as input, output and errors, and the channel
    assert kinds[:3] == [0o020000] * 3 and kinds[3] == 0o140000


def test_the_package_and_its_data_are_there(scout):
    examples, path = scout.package()
    assert examples == 6000
    assert path.startswith("/coursekit/coursekit")


def test_submissions_do_not_see_each_other(box, scout):
    for folder in sandbox.scratch():
        scout.write(f"{folder}/mine")
        assert scout.listing(folder) == "mine"
    scout._session.end()
    after = Session(box, [SCOUT], Limits(), [])
    after.begin(0)
    assert {Student(after).listing(folder) for folder in sandbox.scratch()} == {""}
    after.end()


def test_what_lies_inside_the_installation_is_hidden(mark, grader):
    """A test file below the Python environment, which the sandbox must show."""
    with tempfile.TemporaryDirectory(dir=sys.prefix) as folder:
        tests = Path(folder) / "test_a.py"
        tests.write_text(f"def test_a(student):\n    assert student.listing({folder!r}) == ''\n")
        result = mark([SCOUT], tests=tests)
        assert result.score == 1.0, result.tests


def test_arrays_are_copies(box):
    session = Session(box, ["kept = []\ndef keep(x):\n    kept.append(x)\n    return x"], Limits(), [])
    session.begin(0)
    given = np.ones(3)
    answer = Student(session).keep(given)
    answer[:] = 7
    assert (given == 1).all()
    session.end()


def test_the_folder_of_submissions_is_not_imported_from(graded_tests, tmp_path, monkeypatch):
    (tmp_path / "safetensors.py").write_text("open('imported', 'w')")
    (tmp_path / "numpy.py").write_text("open('imported', 'w')")
    path = tmp_path / "submission.ipynb"
    path.write_text(notebook(RIGHT))
    monkeypatch.chdir(tmp_path)
    with Grader() as grader:
        assert grader.grade("submission.ipynb", graded_tests, student="ada").score == MAX
    assert not (tmp_path / "imported").exists()


# --- where there is no sandbox ----------------------------------------------------------------------------------


def test_without_bubblewrap_it_refuses_and_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailable, match="There is no program `bwrap`(.|\n)*apt install bubblewrap") as caught:
        Grader()
    assert str(caught.value).count("apt install") == 1


def test_where_namespaces_are_forbidden_it_refuses_with_the_reason(monkeypatch, tmp_path):
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho 'bwrap: Creating new namespace failed: Operation not permitted' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(SandboxUnavailable, match="Creating new namespace failed(.|\n)*--unsafe-no-sandbox"):
        Grader()


def test_without_a_sandbox_results_are_marked(graded_tests, tmp_path):
    path = tmp_path / "submission.ipynb"
    with Grader(unsafe_no_sandbox=True) as grader:
        for cells, score in ((RIGHT, MAX), ([*RIGHT, "import os\nos._exit(0)"], 0.0)):
            path.write_text(notebook(cells))
            result = grader.grade(path, graded_tests, student="ada")
            assert (result.score, result.sandboxed, result.needs_review) == (score, False, True)


def test_it_works_without_privileges(graded_tests, tmp_path):
    """As an ordinary user, when these tests run as root."""
    if os.geteuid() != 0:
        pytest.skip("these tests run as an ordinary user already")
    python = shutil.which(f"python3.{sys.version_info.minor}", path="/usr/bin:/usr/local/bin")
    if python is None:
        pytest.skip(f"no Python 3.{sys.version_info.minor} that other users may run")
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    root = Path(__file__).resolve().parents[2]
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to others
        os.chmod(folder, 0o755)
        shutil.copy(graded_tests, folder)
        Path(folder, "a.ipynb").write_text(notebook(RIGHT))
        code = (
            "from coursekit.grading import grade; "
            "r = grade('a.ipynb', 'test_softplus.py', student='ada'); print(r.status, r.score, r.sandboxed)"
        )
        done = subprocess.run(
            [python, "-c", code],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{root}:{packages}", "HOME": folder},
            user=12345,
            group=12345,
            extra_groups=[],
            capture_output=True,
            text=True,
        )
    assert done.stdout == f"graded {MAX} True\n", done.stderr


def test_nothing_goes_on_when_the_caller_is_killed(graded_tests, tmp_path):
    path = tmp_path / "submission.ipynb"
    path.write_text(notebook(["import time\ntime.sleep(100)"]))
    code = (
        "import sys\nfrom coursekit.grading import Grader\ngrader = Grader()\nprint(grader.process.pid, flush=True)\n"
        f"grader.grade({str(path)!r}, {str(graded_tests)!r}, student='ada')\n"
    )
    caller = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    judge = psutil.Process(int(caller.stdout.readline()))
    deadline = time.monotonic() + 30
    while len(judge.children()) < 2 and time.monotonic() < deadline:  # bubblewrap, and the fork that marks
        time.sleep(0.05)
    everyone = [judge, *judge.children(recursive=True)]
    assert len(everyone) > 3
    caller.kill()
    gone, alive = psutil.wait_procs(everyone, timeout=10)
    assert alive == []
    assert caller.communicate()[1] == ""


def test_a_grader_whose_process_died_says_so_and_starts_anew(graded_tests, tmp_path):
    path = tmp_path / "submission.ipynb"
    path.write_text(notebook(RIGHT))
    with Grader() as grader:
        grader.process.kill()
        grader.process.wait()
        result = grader.grade(path, graded_tests, student="ada")
        assert result.status.startswith("grader error") and result.needs_review and result.score != result.score
        assert grader.grade(path, graded_tests, student="ada").score == MAX
