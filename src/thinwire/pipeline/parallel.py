"""`dvc repro` with independent stages side by side.

DVC itself is serial, and several `dvc repro` block each other over a shared stale input. So each stage is run alone
(`repro -s`) once all that it reads from is done, and waits for the repository's lock instead of failing.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from thinwire.errors import PipelineError
from thinwire.pipeline import quick_dvc, warm
from thinwire.pipeline.graph import Graph

LOGS = Path("build/logs")
TEXTS = ("sources", "code")  # seconds each; only after them is known what else is stale
TAIL = 15  # lines of a failed stage's log that are shown


@dataclass(frozen=True)
class Outcome:
    """How one stage ended: `how` is ran, cached, unchanged or failed; `log` holds all that it printed."""

    stage: str
    how: str
    seconds: float
    log: Path


@dataclass
class _Plan:
    order: list[str]
    waits: dict[str, set[str]]
    running: dict[Future[Outcome], str] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    def ready(self) -> list[str]:
        busy = set(self.running.values())
        return [s for s in self.order if s not in self.done and s not in busy and self.waits[s] <= self.done]


def stale_stages(graph: Graph, targets: list[str]) -> list[str]:
    """Stages to run, upstream first: what changed and all that reads from it, within what the targets need."""
    wanted = graph.needed(targets)
    stale = set(graph.changed())
    for name in graph.order:
        if graph.before[name] & stale:
            stale.add(name)
    return [name for name in graph.order if name in stale & wanted]


def _run_stage(stage: str, root: Path, environment: dict[str, str], sessions: set[int]) -> Outcome:
    log = root / LOGS / f"{stage.replace('/', '_')}.log"
    words = ["--wait-for-lock", "repro", "-s", stage]
    start = time.monotonic()
    # In a session of its own, so that an interrupt reaches a stage once, and through us.
    with log.open("wb") as output:
        process: warm.Fork | subprocess.Popen[bytes]
        if warm.ADDRESS in environment:
            number = output.fileno()
            process = warm.fork(environment[warm.ADDRESS], "dvc", words, environment, root, (number, number))
        else:
            process = subprocess.Popen(
                [sys.executable, "-m", quick_dvc.__name__, *words],
                cwd=root, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        sessions.add(process.pid)
        code = process.wait()
        sessions.discard(process.pid)
    text = log.read_text("utf-8", "replace")
    how = "ran" if "Running stage" in text else "cached" if "is cached" in text else "unchanged"
    return Outcome(stage, how if code == 0 else "failed", time.monotonic() - start, log)


def repro(jobs: int, targets: list[str] | None = None, root: Path = Path()) -> list[Outcome]:
    """Run every stale stage, at most `jobs` at once; torch gets one thread in each when there are several.

    After a failure nothing new starts, the running stages end, and PipelineError names the stage and its log.
    Interrupted, it interrupts the running stages (a trainer saves and ends) and waits for them.
    """
    (root / LOGS).mkdir(parents=True, exist_ok=True)
    environment = dict(os.environ)
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
    if jobs > 1:
        environment |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    graph = Graph.read(root)
    order = stale_stages(graph, targets or [])
    texts = [name for name in order if name in TEXTS]
    outcomes = _run_all(graph, texts, 1, root, environment)
    if texts:
        graph = Graph.read(root)
        order = stale_stages(graph, targets or [])
    if not order and not outcomes:
        print("everything is up to date")
    server = warm.begin(environment) if len(order) > jobs else None  # not for a stage or two
    try:
        if server:
            environment[warm.ADDRESS] = server.address
        return outcomes + _run_all(graph, order, jobs, root, environment)
    finally:
        if server:
            server.close()


def _run_all(graph: Graph, order: list[str], jobs: int, root: Path, environment: dict[str, str]) -> list[Outcome]:
    """Run stages, each once all of them that it reads from are done; raises and interrupts as `repro` says."""
    plan = _Plan(order, {name: graph.before[name] & set(order) for name in order})
    outcomes: list[Outcome] = []
    failed: Outcome | None = None
    sessions: set[int] = set()
    with ThreadPoolExecutor(jobs) as pool:
        try:
            while len(plan.done) < len(order):
                for stage in plan.ready()[: 0 if failed else jobs - len(plan.running)]:
                    print(f"          started  {stage}", flush=True)
                    plan.running[pool.submit(_run_stage, stage, root, environment, sessions)] = stage
                if not plan.running:
                    break
                for future in wait(plan.running, return_when=FIRST_COMPLETED).done:
                    plan.done.add(plan.running.pop(future))
                    outcomes.append(outcome := future.result())
                    failed = outcome if outcome.how == "failed" and failed is None else failed
                    count = f"[{len(outcomes)}/{len(order)}]"
                    print(f"{count:9s} {outcome.how:10s}{outcome.stage}  {outcome.seconds:.1f} s", flush=True)
        except KeyboardInterrupt:
            for leader in list(sessions):
                with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
                    os.killpg(leader, signal.SIGINT)
            raise
    if failed:
        print("\n".join(failed.log.read_text("utf-8", "replace").splitlines()[-TAIL:]), file=sys.stderr)
        raise PipelineError(f"stage {failed.stage} failed; all it printed stands in {failed.log.relative_to(root)}")
    return outcomes
