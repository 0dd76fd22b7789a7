"""Programs forked from a process that has their libraries: what a command does, they do."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from thinwire.errors import PipelineError
from thinwire.pipeline import warm

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux")
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
ENVIRONMENT = dict(os.environ) | {"PATH": PATH, "DVC_NO_ANALYTICS": "1"}


@pytest.fixture(scope="module")
def server() -> Iterator[warm.Server]:
    started = warm.begin(ENVIRONMENT)
    assert started
    yield started
    started.close()
    assert not started.folder.exists()


@pytest.fixture
def run(server, tmp_path):
    def run(*words: str, program: str = "thinwire", **more: str) -> tuple[int, str, str]:
        with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
            fork = warm.fork(
                server.address, program, list(words), ENVIRONMENT | more, tmp_path, (out.fileno(), err.fileno())
            )
            status = fork.wait()
        return status, (tmp_path / "out").read_text(), (tmp_path / "err").read_text()

    return run


def test_output_status_folder_and_environment_are_those_of_the_command(run, tmp_path):
    for words in (["--help"], ["train", "nobody"], ["corpora", "check"], ["no-such-command"]):
        told = subprocess.run(["thinwire", *words], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True)
        assert run(*words) == (told.returncode, told.stdout, told.stderr)
    status, out, err = run("root", program="dvc", DVC_ROOT="elsewhere")
    assert status and "not inside of a DVC repository" in err and not out


def test_libraries_start_no_threads_and_load_no_module_that_stages_run():
    code = f"import sys, thinwire, {', '.join(warm.LIBRARIES)}\nfrom pathlib import Path\n"
    code += "print(sorted(name.read_text().strip() for name in Path('/proc/self/task').glob('*/comm')))\n"
    code += "print([name for name in sys.modules if name.startswith('thinwire.')])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    threads, modules = map(ast.literal_eval, told.stdout.splitlines())
    assert [name for name in threads if name != "jemalloc_bg_thd"] == ["python"]  # Arrow's, which knows of forks
    assert modules == []


@pytest.fixture
def slow(server, project, edit) -> Iterator[warm.Fork]:
    """DVC in the middle of a stage that does not end."""
    edit("dvc.yaml", "stages:\n", "stages:\n  slow:\n    cmd: sleep 300\n")
    with (project / "log").open("wb") as log:
        fork = warm.fork(server.address, "dvc", ["repro", "slow"], ENVIRONMENT, project, (log.fileno(), log.fileno()))
    _wait_for(lambda: _waits_for_its_stage(psutil.Process(fork.pid)))
    yield fork
    for process in psutil.process_iter(["cmdline"]):
        if process.info["cmdline"] == ["sleep", "300"]:
            process.kill()


def _waits_for_its_stage(process: psutil.Process) -> bool:
    """Whether the stage sleeps and DVC leaves interrupts to it, which it does a moment after starting it."""
    ignored = Path(f"/proc/{process.pid}/status").read_text().split("SigIgn:")[1].split()[0]
    leaves = int(ignored, 16) >> (signal.SIGINT - 1) & 1
    return bool(leaves) and any(child.name() == "sleep" for child in process.children(recursive=True))


def _wait_for(what) -> None:
    until = time.monotonic() + 60
    while not what() and time.monotonic() < until:
        time.sleep(0.05)
    assert what()


@pytest.mark.skipif(signal.getsignal(signal.SIGINT) == signal.SIG_IGN, reason="a shell's background job: no interrupts")
def test_an_interrupt_goes_to_its_session_and_ends_it(slow, project):
    os.killpg(slow.pid, signal.SIGINT)
    assert slow.wait() == 255 and "failed to reproduce 'slow'" in (project / "log").read_text()


def test_one_that_is_killed_says_so(slow):
    os.kill(slow.pid, signal.SIGKILL)
    assert slow.wait() == -signal.SIGKILL


def test_one_whose_caller_is_gone_is_told_to_end(slow):
    slow.line.close()
    _wait_for(lambda: not psutil.pid_exists(slow.pid))


def test_a_server_that_is_gone_is_an_error_and_a_path_too_long_for_a_socket_none(tmp_path, monkeypatch):
    started = warm.begin(ENVIRONMENT)
    assert started
    started.close()
    with pytest.raises(PipelineError, match="forked from is gone"):
        warm.fork(started.address, "dvc", ["--help"], ENVIRONMENT, tmp_path, (1, 2))
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr(warm.tempfile, "tempdir", str(long))
    assert warm.begin(ENVIRONMENT) is None and not list(long.iterdir())


def test_dvc_forks_commands_of_this_workbook_and_no_others(project, edit, call):
    stages = "".join(f"  {name}:\n    cmd: {cmd}\n" for name, cmd in (
        ("a", "thinwire --help"), ("b", "thinwire train --help"), ("c", "thinwire nonsense"),
        ("d", "thinwire --help > d.txt"),
    ))  # fmt: skip
    edit("dvc.yaml", "stages:\n", "stages:\n" + stages)
    quick = (sys.executable, "-m", "thinwire.pipeline.quick_dvc", "repro")
    told = call(*quick, "a", "b", "d", cwd=project)
    assert "Speech over a thin wire" in told.stdout and "a row of `runs`" in told.stdout
    assert "Speech over a thin wire" in (project / "d.txt").read_text()
    failed = call(*quick, "a", "c", cwd=project, check=False)
    assert failed.returncode == 255 and "failed to run: thinwire nonsense, exited with 2" in failed.stderr
