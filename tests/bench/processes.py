"""Starts programs, each in a process group of its own and pinned to a core, and ends all of them however the run ends."""
import contextlib
import ctypes
import os
import signal
import subprocess
import time

SERVER_CORE = 0
LOAD_CORE = 1

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Interrupts:
    """Ctrl-C and its like end a run in order, but never between the start of a program and the note that it runs."""

    def __init__(self):
        self._starting = self._came = False

    def on_signal(self, *_):
        for number in ENDINGS:
            signal.signal(number, signal.SIG_IGN)       # further ones would only disturb the end
        self._came = True
        if not self._starting:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def deferred(self):
        self._starting = True
        try:
            yield
        finally:
            self._starting = False
        if self._came:
            raise KeyboardInterrupt


_interrupts = _Interrupts()


def end_in_order_on_signals():
    for number in ENDINGS:
        signal.signal(number, _interrupts.on_signal)


def has_two_cores():
    return {SERVER_CORE, LOAD_CORE} <= os.sched_getaffinity(0)


def _pinned_child(core):
    """What a child does before it becomes the program: it stays on its core, and ends with this process."""
    def prepare():
        if has_two_cores():
            os.sched_setaffinity(0, {core})
        for number in ENDINGS:
            signal.signal(number, signal.SIG_DFL)
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    return prepare


def children(pid):
    """The living children of all threads of a process."""
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as f:
                found += [int(word) for word in f.read().split()]
    except OSError:
        pass
    return found


def tree(pid):
    """The process and all that descend from it."""
    pids, todo = [], [pid]
    while todo:
        pids.append(todo.pop())
        todo += children(pids[-1])
    return pids


def title(pid):
    """Its command line, or the title it gave itself."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def wait_until(condition, seconds, what):
    """The first true value of condition(); RuntimeError with `what` when it takes too long."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise RuntimeError(what)
        time.sleep(0.005)


class Processes:
    """Owns every program that was started; leaving the context ends what is left of them."""

    def __init__(self):
        self._running = []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for process in list(self._running):
            self.stop(process, patience=3)

    def start(self, argv, core, **more):
        more.setdefault("stdin", subprocess.DEVNULL)
        more.setdefault("stdout", subprocess.DEVNULL)
        more.setdefault("stderr", subprocess.DEVNULL)
        with _interrupts.deferred():
            process = subprocess.Popen(argv, start_new_session=True, preexec_fn=_pinned_child(core), **more)
            self._running.append(process)
        return process

    def stop(self, process, patience=10):
        """Asks the program to end, and kills what is left of it and of its group."""
        family = [process.pid] if process.poll() is not None else tree(process.pid)
        for pid in family:
            _send(pid, signal.SIGCONT)      # what is stopped could not end
        if process.poll() is None:
            _send(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(patience)
        self.kill(process)

    def kill(self, process):
        """Kills the whole group at once, as a power cut would."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()
        if process in self._running:
            self._running.remove(process)


def _send(pid, number):
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
