"""What a process gives up before it runs a submission: the kernel's calls, by ctypes where Python has none.

The warm process already lives in bubblewrap's sandbox (`coursekit.grading.sandbox`): no network, a read-only root
without the tests. Each submission gets namespaces of its own on top, so that nothing of it outlives it, and loses every
privilege.
"""

from __future__ import annotations

import ctypes
import os
import resource
from pathlib import Path

from coursekit.grading.result import Limits

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNS, _CLONE_NEWIPC, _CLONE_NEWPID = 0x00020000, 0x08000000, 0x20000000
_NEW_NAMESPACES = (0x00000080, 0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
_MS_NOSUID, _MS_NODEV = 2, 4
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_SET_CHILD_SUBREAPER, _PR_CAP_AMBIENT = 1, 24, 38, 36, 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522

HOME = "/home/student"

# Nothing that numerical Python needs: namespaces, the inside of other processes, memory that no limit counts, the
# kernel's keys.
_FORBIDDEN_CALLS = (
    "unshare setns mount umount2 pivot_root chroot open_tree move_mount fsopen fsmount fsconfig fspick mount_setattr "
    "ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd "
    "memfd_create memfd_secret shmget shmat msgget semget mq_open mlock mlock2 mlockall "
    "add_key request_key keyctl bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register "
    "open_by_handle_at name_to_handle_at fanotify_init quotactl acct swapon swapoff reboot kexec_load kexec_file_load "
    "init_module finit_module delete_module iopl ioperm syslog settimeofday clock_settime adjtimex vhangup "
    "lookup_dcookie move_pages migrate_pages mbind set_mempolicy personality"
).split()
_SOCKET_FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6, in a network of its own; not vsock, not netlink


def _call(name: str, *arguments: object) -> None:
    if getattr(_LIBC, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}{arguments}: {os.strerror(number)}")


def own_processes() -> None:
    """Let the next child be the first process of a namespace: it sees no other, and all there end with it."""
    _call("unshare", _CLONE_NEWPID)


def reap_orphans() -> None:
    """Become the parent of the descendants whose parents end."""
    _call("prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent() -> None:
    """Be killed when the parent ends."""
    _call("prctl", _PR_SET_PDEATHSIG, 9, 0, 0, 0)


def own_files(limits: Limits, scratch: list[str], hidden: list[str]) -> None:
    """Empty, bounded folders over those that can be written, over /proc, and over what this submission must not see.

    They, and what processes use to talk to each other, are this process's and its children's alone.
    """
    _call("unshare", _CLONE_NEWNS | _CLONE_NEWIPC)
    for folder in scratch:
        _mount_empty(folder, f"size={limits.file_size},nr_inodes=10000,mode=1777")
    for folder in ["/proc", *hidden]:
        if Path(folder).is_dir():
            _mount_empty(folder, "size=4k,nr_inodes=2,mode=555")


def _mount_empty(folder: str, options: str) -> None:
    _call("mount", b"tmpfs", folder.encode(), b"tmpfs", _MS_NOSUID | _MS_NODEV, options.encode())


def limit_resources(limits: Limits, *, count_processes: bool) -> None:
    """The kernel's own limits of each process."""
    # A CUDA build of torch maps some 4 GiB when it is imported: the memory of the tree is watched from outside.
    bounds = {
        resource.RLIMIT_AS: limits.memory + 6 * 2**30,
        resource.RLIMIT_CPU: int(limits.seconds) + 1,
        resource.RLIMIT_FSIZE: limits.file_size,
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
    }
    if count_processes:  # counts all processes of the user: only where the user has no others
        bounds[resource.RLIMIT_NPROC] = limits.processes
    for kind, bound in bounds.items():
        resource.setrlimit(kind, (bound, bound))


def drop_privileges(user: int | None) -> None:
    """Become ``user`` (where the sandbox was made by root) and give up every capability, for good."""
    for capability in range(64):
        _LIBC.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)  # fails past the last one that the kernel knows
    _call("prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    _call("capset", header, (ctypes.c_uint32 * 6)())
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


class Filter:
    """The seccomp filter: built once, loaded by each submission's process."""

    def __init__(self) -> None:
        import errno

        import pyseccomp as seccomp

        self.filter = seccomp.SyscallFilter(seccomp.ALLOW)
        refuse = seccomp.ERRNO(errno.EPERM)
        for name in _FORBIDDEN_CALLS:
            try:
                self.filter.add_rule(refuse, name)
            except (ValueError, OSError):  # a call that this version of libseccomp does not know: nor does its kernel
                continue
        for flag in _NEW_NAMESPACES:
            self.filter.add_rule(refuse, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, flag, flag))
        # Its flags lie in memory, where no filter sees them; the C library falls back on clone.
        self.filter.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
        for family in range(64):
            if family not in _SOCKET_FAMILIES:
                self.filter.add_rule(refuse, "socket", seccomp.Arg(0, seccomp.EQ, family))

    def load(self) -> None:
        """Confine this process and all that it starts."""
        self.filter.load()
