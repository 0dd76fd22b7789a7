"""Stages that find their libraries loaded: each is forked from one process that imported torch and the rest once.

A stage is a process of its own, and importing torch, Lightning and DVC costs it seconds, often more than its work. The
server here (`python -m thinwire.pipeline.warm`) pays them once and has neither threads nor any of the modules that
stages run, which each of them reads from disk as ever. (Python's own fork server serves the process that started it;
here DVC, itself forked, asks for its commands.) Exit status, signals and output are those of a command. Only on
Linux, where libraries bear a fork; elsewhere, and where no socket can be made, stages start as commands.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from thinwire.errors import PipelineError

ADDRESS = "THINWIRE_WARM"
"""The variable that tells stages where the server listens."""
LIBRARIES = (
    "dvc.cli.parser", "dvc.commands.repro", "dvc.repo.reproduce", "lightning.fabric", "pandas", "pyarrow.parquet",
    "pydantic", "scipy.signal", "scipy.stats", "soundfile", "torch", "torchaudio",
)  # fmt: skip
PROGRAMS = {"dvc": "thinwire.pipeline.quick_dvc", "thinwire": "thinwire.cli"}  # modules whose `main` they call


@dataclass(frozen=True)
class Server:
    """A server and the folder of its socket; closing its input ends it."""

    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def address(self) -> str:
        return str(self.folder / "socket")

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class Fork:
    """A program that the server has forked; it leads a session of its own."""

    line: socket.socket
    pid: int

    def wait(self) -> int:
        """Its exit status; below 0 the signal that ended it."""
        with self.line, self.line.makefile() as answers:
            told = answers.readline()
        if not told:
            raise PipelineError("the process that stages are forked from was killed; run again")
        return int(told)


def begin(environment: Mapping[str, str]) -> Server | None:
    """Start a server, which goes on importing in the background; None where there can be none."""
    if sys.platform != "linux":
        return None
    folder = Path(tempfile.mkdtemp(prefix="thinwire-"))  # for this user alone
    with socket.socket(socket.AF_UNIX) as listener:
        try:
            listener.bind(str(folder / "socket"))
        except OSError:  # the path is too long
            shutil.rmtree(folder)
            return None
        listener.listen()
        number = listener.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(number)],
            stdin=subprocess.PIPE, pass_fds=[number], env=dict(environment), start_new_session=True,
        )  # fmt: skip
    return Server(process, folder)


def fork(
    address: str, program: str, words: list[str], environment: Mapping[str, str], folder: Path, output: tuple[int, int]
) -> Fork:
    """Run a program of PROGRAMS; `output` are the files (descriptors) that stand for its stdout and stderr.

    Raises PipelineError when the server is gone.
    """
    own = str(Path(sys.executable).with_name(program))
    asked = {"argv": [own, *words], "environment": dict(environment), "folder": str(folder.resolve())}
    line = socket.socket(socket.AF_UNIX)
    try:
        line.connect(address)
        socket.send_fds(line, [b"\0"], output)
        line.sendall(json.dumps(asked).encode() + b"\n")
        pid = b""
        while not pid.endswith(b"\n"):
            pid += (more := line.recv(1))
            if not more:
                raise ConnectionResetError("it closed the line")
    except OSError as error:
        line.close()
        raise PipelineError(f"the process that stages are forked from is gone ({error}); run again") from error
    return Fork(line, int(pid))


def _serve(number: int) -> int:
    """Fork for each caller until the starter closes our stdin. In a fork this returns what the program returned."""
    from thinwire.pipeline import torchaudio_fix

    torchaudio_fix.ensure()  # before torchaudio is imported
    for library in LIBRARIES:
        importlib.import_module(library)
    warnings.filterwarnings("ignore", ".*multi-threaded.*fork")  # Python 3.12 sees the thread of Arrow's allocator
    gc.freeze()  # a fork that ends would look through all of them, for seconds
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who answer the callers
    with socket.socket(fileno=number) as listener:
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            line, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                return _answer(line)
            line.close()
    return 0


def _answer(line: socket.socket) -> int:
    """Fork the program and tell the caller its number and how it ended; a caller that goes away ends it by SIGTERM."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, output, *_ = socket.recv_fds(line, 1, 2)
    with line.makefile() as questions:
        asked = json.loads(questions.readline())
    pid = os.fork()
    if pid == 0:
        line.close()
        return _run(asked, output)
    try:
        for number in output:
            os.close(number)
        line.sendall(f"{pid}\n".encode())
        ended = os.pidfd_open(pid)
        if ended not in select.select([line.fileno(), ended], [], [])[0]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        _, status = os.waitpid(pid, 0)
        with contextlib.suppress(OSError):
            line.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    finally:
        os._exit(0)  # nothing of this process is to be tidied up


def _run(asked: dict, output: list[int]) -> int:
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for standard, number in zip((1, 2), output, strict=True):
        os.dup2(number, standard)
        os.close(number)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    sys.argv = asked["argv"]
    main = sys.modules["__main__"]  # processes that this one starts look here for what to run
    main.__spec__, main.__file__ = None, sys.argv[0]
    return int(importlib.import_module(PROGRAMS[Path(sys.argv[0]).name]).main() or 0)


if __name__ == "__main__":
    sys.exit(_serve(int(sys.argv[1])))
