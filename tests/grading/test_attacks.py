"""Hostile submissions: none gets full marks, none reads or leaves anything, the next one is marked as usual."""

import contextlib
import time
from pathlib import Path

import psutil
import pytest

from coursekit.grading import Limits
from tests.grading.conftest import MAX, RIGHT

QUICK = Limits(memory=600 * 2**20, load_seconds=5, call_seconds=2, seconds=12, answer_size=2**22)

CHANNEL = """
import os, socket, stat, struct, json, time
def channel():
    for number in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                return socket.socket(fileno=os.dup(number))
        except OSError:
            pass
def send(text, data=b""):
    channel().sendall(struct.pack(">II", len(text), len(data)) + text + data)
"""

# What it is called: its cells (the names that it does not define are missing: no points), and how the status begins.
ATTACKS = {
    # comparisons and builtins
    "patched comparisons": (
        [
            "import numpy as np, torch\nnp.testing.assert_allclose = lambda *a, **k: None\n"
            "np.allclose = torch.allclose = lambda *a, **k: True\nimport pytest\npytest.fail = lambda *a: None",
            "def softplus(x): return x",
        ],
        "graded",
    ),
    "patched builtins": (
        [
            "import builtins\nfor n in ('abs', 'all', 'any', 'isinstance', 'len', 'max', 'sum'):\n"
            "    setattr(builtins, n, lambda *a, **k: True)",
            "def softplus(x): return x",
        ],
        "",
    ),
    "builtins deleted": (
        ["import builtins\nfor n in list(vars(builtins)):\n    delattr(builtins, n)", "def softplus(x): return x"],
        "",
    ),
    "modules poisoned": (
        [
            "import sys\nfor n in list(sys.modules):\n    sys.modules[n] = None",
            "def softplus(x): return x",
        ],
        "",
    ),
    "the worker's own functions patched": (
        [
            "from coursekit.grading import messages, worker\nworker.plain = lambda value: 0.0\n"
            "messages.Encoder.encode = lambda self, value, depth=0: True\nworker.described = lambda error: None",
            "def softplus(x): return x",
        ],
        "graded",
    ),
    # lying objects
    "equal to everything": (
        [
            "class Yes:\n    def __eq__(self, other): return True\n    def __array__(self, *a, **k): return self\n"
            "    def __getattr__(self, name): return self\n    def __call__(self, *a): return self",
            "def softplus(x): return Yes()\nTotal = twice = softplus",
        ],
        "graded",
    ),
    "a float that lies": (
        [
            "class Yes(float):\n    def __eq__(self, other): return True\n    def __sub__(self, other): return 0.0\n"
            "    __rsub__ = __sub__",
            "def softplus(x): return Yes(3)\ndef twice(f, x): return Yes(3)",
        ],
        "graded",
    ),
    "a tensor that lies": (
        [
            "import torch\nclass Yes(torch.Tensor):\n    def __torch_function__(*a, **k): return True",
            "def softplus(x): return torch.Tensor._make_subclass(Yes, x)",
        ],
        "graded",
    ),
    "lists without end": (
        ["a = []\na.append(a)\ndef softplus(x): return a", "def twice(f, x): return {'a': a}"],
        "graded",
    ),
    "a type with a hostile name": (
        ["Error = type('\\x1b[2J<script>' * 99, (Exception,), {})", "def softplus(x): raise Error('\\ud800\\x00')"],
        "graded",
    ),
    "an exception without words": (
        ["class E(Exception):\n    def __str__(self): raise SystemExit", "def softplus(x): raise E"],
        "graded",
    ),
    "a reduce that would run": (
        [
            "import os\nclass P:\n    def __reduce__(self): return os.system, ('touch /tmp/unpickled',)",
            "def softplus(x): return P()",
        ],
        "graded",
    ),
    # wrong in ways that a loose comparison lets pass
    "nan": (["import torch\ndef softplus(x): return x * torch.nan"], "graded"),
    "infinite": (["import torch\ndef softplus(x): return x * torch.inf"], "graded"),
    "double precision": (["import torch\ndef softplus(x): return torch.log1p(x.double().exp())"], "graded"),
    "shape that broadcasts": (["import torch\ndef softplus(x): return torch.log1p(x.exp())[None]"], "graded"),
    "inputs changed": (["import torch\ndef softplus(x): return x.exp_().log1p_()"], "graded"),
    "inputs zeroed": (
        ["import torch\ndef softplus(x):\n    y = torch.log1p(x.exp())\n    x.fill_(1)\n    return y"],
        "graded",
    ),
    "the first answer again": (
        ["import torch\nkept = []\ndef softplus(x):\n    kept.append(x.sum()); return kept[0] + 0 * x"],
        "graded",
    ),
    # the end
    "exit in a cell": (["import os\nos._exit(0)"], "died"),
    "exit in a call": (["import os\ndef softplus(x): os._exit(0)"], "died"),
    "system exit": (["import sys\ndef softplus(x): sys.exit(0)\ndef twice(f, x): raise KeyboardInterrupt"], "graded"),
    "a segmentation fault": (["import ctypes\ndef softplus(x): ctypes.string_at(0)"], "died"),
    "kills everyone": (
        ["import os\nfor pid in [os.getppid(), 1, 2, 3, -1]:\n    try: os.kill(pid, 9)\n    except OSError: pass"],
        "",
    ),
    "stops itself": (["import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\nos.abort()"], ""),
    # time
    "a loop in a cell": (["while True: pass"], "timeout"),
    "a loop in a call": (["def softplus(x):\n    while True: pass"], "timeout"),
    "a loop that ignores signals": (
        [
            "import signal\nfor s in range(1, 64):\n"
            "    try: signal.signal(s, lambda *a: None)\n    except (OSError, ValueError): pass",
            "def softplus(x):\n    while True:\n        try:\n"
            "            while True: pass\n        except BaseException: pass",
        ],
        "timeout",
    ),
    "sleep": (["import time\ndef softplus(x): time.sleep(1e6)"], "timeout"),
    "a loop in a destructor": (
        ["class D:\n    def __del__(self):\n        while True: pass", "def softplus(x):\n    D(); return x"],
        "timeout",
    ),
    "a regular expression": (["import re\ndef softplus(x): re.match('(a*)*b', 'a' * 64)"], "timeout"),
    # memory, processes, disk, output
    "memory in a list": (["a = []\nwhile True: a.append(b'x' * 10**7)"], "memory limit"),
    "memory at once": (["def softplus(x): return len(bytearray(2**40))"], "memory limit"),
    "memory at once, in torch": (["import torch\ndef softplus(x): return torch.zeros(2**40)"], "memory limit"),
    "memory in children": (
        [
            "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n        a = b'x' * 2 * 10**8; time.sleep(60)",
            "import time; time.sleep(60)",
        ],
        "memory limit",
    ),
    "a fork bomb": (["import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"], ""),
    "a thread bomb": (
        ["import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(60,)).start()"],
        "",
    ),
    "disk": (
        [
            "import os\nfor folder in ('/tmp', '/dev/shm', os.path.expanduser('~')):\n"
            "    for i in range(20):\n        try:\n"
            "            with open(f'{folder}/{i}', 'wb') as f:\n                while True: f.write(bytes(2**22))\n"
            "        except OSError: pass",
        ],
        "",
    ),
    "many files": (["i = 0\nwhile True:\n    open(f'/tmp/{i}', 'w').close(); i += 1"], "graded"),
    "descriptors": (["import os\na = []\nwhile True: a.append(os.dup(0))"], "graded"),
    "output": (["import os\nfor _ in range(2000):\n    os.write(1, bytes(2**16)); print('x' * 2**16)"], "graded"),
    "a huge answer": (["import torch\ndef softplus(x): return torch.zeros(2**22)"], "graded"),
    "a huge list": (["def softplus(x): return [0.1234567890123456] * 10**5"], "graded"),
    "a huge text": (["def softplus(x): raise ValueError('a' * 2**22)\ndef twice(f, x): return 'a' * 2**24"], "graded"),
    # the channel
    "garbage on the channel": ([CHANNEL, "channel().sendall(bytes(range(256)) * 64)\ntime.sleep(9)"], "protocol error"),
    "no JSON on the channel": ([CHANNEL, "send(b'{' * 100)"], "protocol error"),
    "deep JSON on the channel": ([CHANNEL, "send(b'[' * 10**6)"], "protocol error"),
    "deep values on the channel": (
        [
            CHANNEL,
            "def softplus(x):\n"
            "    send(b'{\"number\":5,\"result\":' + b'{\"list\":[' * 400 + b'1' + b']}' * 400 + b'}')",
        ],
        "protocol error",
    ),
    "a long number on the channel": ([CHANNEL, "send(b'{\"number\": ' + b'9' * 10**5 + b'}')"], "protocol error"),
    "a huge frame announced": ([CHANNEL, "channel().sendall(b'\\xff' * 8)"], "protocol error"),
    "lying arrays on the channel": (
        [
            CHANNEL,
            "header = json.dumps({'0': {'dtype': 'F32', 'shape': [2**40], 'data_offsets': [0, 4]}}).encode()",
            "send(b'{}', struct.pack('<Q', len(header)) + header + bytes(4))",
        ],
        "protocol error",
    ),
    "many small objects on the channel": (
        [CHANNEL, "send(b'{\"number\": 1, \"result\": {\"list\": [' + b'[],' * 10**6 + b'1]}}')"],
        "protocol error",
    ),
    "many small arrays on the channel": (
        [
            CHANNEL,
            "header = {str(i): {'dtype': 'F32', 'shape': [0], 'data_offsets': [0, 0]} for i in range(30000)}\n"
            "header = json.dumps(header).encode()\nsend(b'{}', struct.pack('<Q', len(header)) + header)",
        ],
        "protocol error",
    ),
    "answers in advance": (
        [CHANNEL, "for number in range(100):\n    send(json.dumps({'number': number, 'result': 1.0}).encode())"],
        "",
    ),
    "a forged error": ([CHANNEL, 'send(b\'{"number": true, "error": [1]}\')'], "protocol error"),
    "one byte at a time": (
        [CHANNEL, "def softplus(x):\n    for _ in range(100):\n        channel().sendall(b'\\0'); time.sleep(0.3)"],
        "",
    ),
    "the channel closed": ([CHANNEL, "os.closerange(3, 256)"], "died"),
    "the channel is never read": (
        [CHANNEL, "def softplus(x):\n    while True:\n        send(json.dumps({'ask': 0, 'arguments': []}).encode())"],
        "protocol error",
    ),
    "questions without end": (["def twice(f, x):\n    while True: f(x)"], "timeout"),
    "questions that do not fit": (["def twice(f, x): return f('a', 'b')"], "graded"),
    "questions about others": (
        [CHANNEL, "def twice(f, x):\n    send(json.dumps({'ask': 7, 'arguments': []}).encode()); return x"],
        "protocol error",
    ),
    "threads that go on": (
        [
            "import threading\ndef spin():\n    while True: pass\n"
            "for _ in range(8): threading.Thread(target=spin).start()",
            "def softplus(x): return x",
        ],
        "",
    ),
    "atexit": (["import atexit, time\natexit.register(time.sleep, 60)\ndef softplus(x): return x"], "graded"),
    "a daemon": (
        [
            "import os, time, ctypes\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
            "        ctypes.CDLL(None).prctl(15, b'leftover', 0, 0, 0)\n        time.sleep(1000)\n    os._exit(0)",
            "def softplus(x): return x",
        ],
        "graded",
    ),
    "a clock set back": (
        ["import time\ntime.monotonic = lambda: 0.0\ntime.time = lambda: 0.0\nwhile True: pass"],
        "timeout",
    ),
}


WRONG = [
    "import torch",
    "def softplus(x): return 0 * x",
    "def twice(f, x): return 0 * x",
    "class Total:\n    def __init__(self, size): self.value = torch.zeros(size).double()\n    def add(self, x): pass",
]
STATUSES = ("graded", "timeout", "memory limit", "died", "protocol error")


def left_behind(grader):
    """What still runs in the sandbox besides its own processes: bubblewrap, its first process and the warm one."""
    deadline = time.monotonic() + 2
    while True:
        names = []
        for process in psutil.Process(grader.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                names.append(process.name())
        if names == ["bwrap", "bwrap", "python"] or time.monotonic() > deadline:  # the supervisor reports, then ends
            return names[3:]
        time.sleep(0.01)


@pytest.mark.parametrize(("cells", "status"), ATTACKS.values(), ids=ATTACKS.keys())
def test_attack(grader, mark, cells, status):
    started = time.monotonic()
    result = mark([*WRONG, *cells], limits=QUICK)
    assert result.status.startswith(status or STATUSES), result.status
    assert (result.score, result.max) == (0.0, MAX)
    assert time.monotonic() - started < QUICK.seconds + 5
    assert left_behind(grader) == []
    assert not any(process.info["name"] == "leftover" for process in psutil.process_iter(["name"]))
    assert not Path("/tmp/unpickled").exists()
    assert mark(RIGHT).score == MAX  # the next one is marked as usual
