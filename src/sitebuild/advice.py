"""What stopped a script, and what to do next, in one line.

Standard library alone: this runs before anything is installed.
"""

import errno
import fcntl
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class Stop(Exception):  # noqa: N818 - it ends a script, and is no error of ours
    """The end of a script, for a reason that its message tells in one line."""


DISK_FULL = "the disk is full: free some space and run this again"
# What pip prints, most telling first: it also warns of a lost connection that a later try mended.
SIGNS = (
    (r"No space left on device|Disk quota exceeded", DISK_FULL),
    (
        r"DO NOT MATCH THE HASHES",
        "wrong hash: the package index sent a file that is not the locked one, so it was not used; "
        "run this again without the mirror or proxy in between",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError",
        "no secure connection to the package index: check the clock and the network's certificates "
        "(PIP_CERT), then run this again",
    ),
    (
        r"NewConnectionError|NameResolutionError|Failed to establish a new connection|ProxyError"
        r"|TimeoutError|timed out|Connection(Reset|Refused|Aborted)?Error|Connection broken"
        r"|IncompleteRead|connection attempts failed|Retrying \(Retry"
        r"|\(from versions: none\)",  # all that pip says when it may not try again
        "no network to the package index: check the connection (or PIP_INDEX_URL, if you use a "
        "mirror) and run this again",
    ),
    (
        r"No matching distribution found for (?P<what>\S+)",
        "the package index has no {what} for this Python and machine: try Python 3.11, 3.12 or "
        "3.13 (PYTHON=python3.12 before the command)",
    ),
    (
        r"Permission denied|Read-only file system",
        "no permission to write: check who owns this folder and .venv, then run this again",
    ),
    (
        r"ensurepip",
        "this Python cannot put pip into a virtual environment: install its venv package "
        "(apt-get install python3-venv), or name another with PYTHON",
    ),
)


def advice(output: str) -> str:
    """What to do after a command of pip or venv failed with this output, in one line."""
    for sign, line in SIGNS:
        found = re.search(sign, output)
        if found:
            return line.format(**found.groupdict())
    told = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in told if re.match(r"error: (?!Exception:)", line, re.IGNORECASE)]
    return (errors or told or ["it failed and said nothing"])[-1]


def advice_on_error(error: OSError) -> str:
    """The same for a system call that failed."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DISK_FULL
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"no permission to write {error.filename}: check who owns it, then run this again"
    return str(error)


def told_in_one_line(name: str, main: Callable[[], None]) -> int:
    """Run `main`; return the exit status, with the reason on stderr where it is not 0."""
    try:
        main()
    except Stop as stop:
        reason, status = str(stop), 1
    except OSError as error:
        reason, status = advice_on_error(error), 1
    except KeyboardInterrupt:
        reason, status = "interrupted: run this again to go on", 130
    else:
        return 0
    print(f"{name}: {reason}", file=sys.stderr)
    return status


@contextmanager
def one_at_a_time(lock: Path, waiting: str) -> Iterator[int]:
    """Hold `lock` against other processes; print `waiting` where one of them has it.

    Yields the file descriptor, for a child that must keep the lock when we are killed. The system
    frees a dead process's lock, so none is ever left behind.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(waiting, flush=True)
            fcntl.flock(held, fcntl.LOCK_EX)
        except OSError:
            pass  # a file system without locks: go on without
        yield held.fileno()
