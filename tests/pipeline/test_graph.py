"""The project's own pipeline: what can be read off `dvc.yaml`, and (marker `pipeline`) the whole graph at smoke scale.

The graph runs in a copy of the working tree, without network, with this environment. The ten checks are those that a
DVC workbook breaks most easily; each changes the copy and puts it back, so they run in the order in which they stand.
What `make repro` runs stands for `dvc repro` where a check asks what is stale; the graph, the second run, the killed
trainer and the failing notebook are put to DVC itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from thinwire.pipeline import code, quick_dvc
from thinwire.pipeline.closure import Modules
from thinwire.pipeline.graph import Graph, read_lock
from thinwire.pipeline.sources import COPIES, SOURCES
from thinwire.pipeline.working_copy import copy_tree, environment_for
from thinwire.training.state import Checkpoint

NOWHERE = "http://127.0.0.1:9"
OFFLINE = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), NOWHERE)
RAN = re.compile(r"Running stage '([^']+)'")
DVC = ("dvc", "repro")
QUICK = (sys.executable, "-m", quick_dvc.__name__, "repro")


class Project:
    """A copy of the working tree in which the pipeline runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        unshare = ["unshare", "--map-root-user", "--net"]
        possible = shutil.which("unshare") and subprocess.run([*unshare, "true"], capture_output=True).returncode == 0
        self.prefix = unshare if possible else []
        self.environment = environment_for(folder) | OFFLINE | {"GIT_CONFIG_GLOBAL": os.devnull}

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command without network; a failure's output is in the test's error."""
        full = [*self.prefix, *command]
        done = subprocess.run(full, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        if check and done.returncode:
            said = f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
            raise AssertionError(f"{' '.join(command)} -> {done.returncode}\n{said}")
        return done

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a command in a process group of its own."""
        return subprocess.Popen(
            [*self.prefix, *command], cwd=self.folder, env=self.environment, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def repro(self, *arguments: str, command: tuple[str, ...] = QUICK) -> set[str]:
        """The stages that ran (not those restored from the run cache)."""
        return set(RAN.findall(self.run(*command, *arguments).stdout))

    def graph(self) -> Graph:
        return Graph.read(self.folder)

    def params(self) -> dict:
        return yaml.safe_load((self.folder / "params.yaml").read_text("utf-8"))

    def downstream(self, stage: str) -> set[str]:
        """A stage and all that read from it, directly or not."""
        graph = self.graph()
        return {name for name in graph.order if stage in graph.upstream(name) | {name}}

    @contextlib.contextmanager
    def edited(self, path: str, text: str) -> Iterator[None]:
        """A file with another text, put back afterwards together with everything made from it."""
        before = (self.folder / path).read_bytes()
        (self.folder / path).write_text(text, "utf-8")
        try:
            yield
        finally:
            (self.folder / path).write_bytes(before)
            self.repro()

    def hashes(self, folder: str) -> dict[str, str]:
        """MD5 of every file below a folder."""
        files = sorted(path for path in (self.folder / folder).rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): hashlib.md5(path.read_bytes()).hexdigest() for path in files}


def _raw_stages(root: Path) -> dict[str, dict]:
    if not (root / "dvc.yaml").exists():
        pytest.skip("no dvc.yaml yet")
    stages = yaml.safe_load((root / "dvc.yaml").read_text("utf-8"))["stages"]
    return {name: stage.get("do", stage) for name, stage in stages.items()}


# Read off dvc.yaml, without running anything.


def test_check_8_no_plain_output_is_uncached(root):
    for name, stage in _raw_stages(root).items():
        for out in stage.get("outs", []):
            options = next(iter(out.values())) if isinstance(out, dict) else {}
            assert options.get("cache", True), f"{name}: {out} would switch the run cache off; use plots: or metrics:"
            assert not options.get("persist"), f"{name}: {out} would resume from another edit's state"


def test_check_7_each_stage_depends_on_the_list_of_its_modules(root, monkeypatch):
    _raw_stages(root)
    monkeypatch.chdir(root)
    lists = code.listings(notebooks=SOURCES)
    runs = yaml.safe_load(Path("params.yaml").read_text("utf-8"))["runs"]
    papers = {name: paper for paper, table in runs.items() for name in table}
    graph = Graph.read(root)
    for name in set(graph.order) - {"sources", "code"}:
        paper = papers.get(name.partition("@")[2], "")
        system = runs[paper][name.partition("@")[2]]["system"] if paper else ""
        wanted = code.file_of(graph.command(name), paper, system)
        named = [dep for dep in graph.dependencies(name) if dep.startswith(("src", str(code.CODE)))]
        assert named == [str(wanted)], f"{name}: depends on {named}; the code that it runs stands in {wanted}"
        assert lists[wanted], f"{wanted}: no such list, or an empty one"
    own = {dep for dep in graph.dependencies("sources") if dep.startswith("src")}
    assert own == {str(path) for path in Modules().behind_command("sources")}
    assert {"src/thinwire", str(COPIES)} == set(graph.dependencies("code"))


def test_notebook_stages_read_their_clean_copy_and_named_runs(root):
    _raw_stages(root)
    graph = Graph.read(root)
    for name in graph.order:
        words = graph.command(name).split()
        if "notebook" in words:
            deps = graph.dependencies(name)
            assert f"{COPIES}/{words[words.index('notebook') + 1]}.ipynb" in deps, f"{name}: depends on no clean copy"
            folders = {"models", "results", "data", str(SOURCES), "data/segments"}
            assert not folders & set(deps), f"{name}: depends on a folder that may hold stale runs"


# The whole graph, at smoke scale.

pipeline = pytest.mark.pipeline


@pytest.fixture(scope="session")
def graph_copy(root: Path, tmp_path_factory: pytest.TempPathFactory, commit) -> Project:
    """A copy of the working tree with the smoke preset, after its first run, two stages at a time."""
    _raw_stages(root)
    folder = tmp_path_factory.mktemp("graph") / "thinwire"
    folder.mkdir()
    copy_tree(root, folder)
    (folder / "dvc.lock").unlink(missing_ok=True)  # nothing may come from an earlier run
    project = Project(folder)
    commit(folder)
    project.run("thinwire", "preset", "smoke")
    start = time.monotonic()
    told = project.run("thinwire", "repro", "-j", "2").stdout
    ran = set(re.findall(r"(?m)^\[\d+/\d+\] +ran +(\S+)", told))
    print(f"\nfirst run at smoke scale: {len(ran)} stages, {time.monotonic() - start:.0f} s")
    assert ran == set(project.graph().order)
    commit(folder)
    return project


def _leaf_run(project: Project) -> str:
    """A run that no other run is trained after."""
    runs = project.params()["runs"]["ndpca"]
    needed = {str(row.get("after", "")).removeprefix("models/") for row in runs.values()}
    return next(name for name in runs if name not in needed)


def _step(state: Path) -> int:
    return int(Checkpoint.load(state).scalars["step"])


def _notebook_stages(project: Project) -> list[str]:
    graph = project.graph()
    return [name for name in graph.order if "thinwire notebook" in graph.command(name)]


@pipeline
def test_check_1_the_graph_parses(graph_copy):
    graph_copy.run(*DVC, "--dry")
    assert all(name.count("@") <= 1 for name in graph_copy.graph().order)


@pipeline
def test_check_2_a_second_repro_runs_nothing(graph_copy):
    for command in (DVC, QUICK):
        start = time.monotonic()
        assert graph_copy.repro(command=command) == set()
        print(f"\n{' '.join(command)} with nothing to do: {time.monotonic() - start:.1f} s")


@pipeline
def test_saving_a_notebook_with_outputs_reruns_only_the_sources(graph_copy):
    path = sorted(graph_copy.folder.glob(f"{SOURCES}/*/*.ipynb"))[0]
    notebook = json.loads(path.read_text("utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["execution_count"] = 3
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["left over\n"]}]
    with graph_copy.edited(str(path.relative_to(graph_copy.folder)), json.dumps(notebook)):
        assert graph_copy.repro() == {"sources"}


@pipeline
def test_check_3_editing_one_run_reruns_it_and_its_dependants(graph_copy):
    name = _leaf_run(graph_copy)
    params = graph_copy.params()
    params["runs"]["ndpca"][name]["steps"] += 1
    allowed = graph_copy.downstream(f"train_ndpca@{name}")
    with graph_copy.edited("params.yaml", yaml.safe_dump(params, sort_keys=False)):
        ran = graph_copy.repro()
        assert f"train_ndpca@{name}" in ran and ran <= allowed, sorted(ran - allowed)
        assert graph_copy.repro() == set()


@pipeline
def test_checks_4_and_5_stale_runs_are_ignored_and_notebooks_execute_to_equal_bytes(graph_copy):
    folder = graph_copy.folder
    before = graph_copy.hashes("reports")
    params = graph_copy.params()
    params["runs"]["ndpca"]["zz_gone"] = params["runs"]["ndpca"][_leaf_run(graph_copy)]
    with graph_copy.edited("params.yaml", yaml.safe_dump(params, sort_keys=False)):
        assert {"train_ndpca@zz_gone", "evaluate_ndpca@zz_gone"} <= graph_copy.repro()
    # Its row is gone again, its folders are not: what a reader who removes a run leaves behind.
    assert (folder / "results/zz_gone/items.parquet").exists() and (folder / "models/zz_gone").is_dir()
    # A third of the notebooks, another one at each commit; all of them take ten minutes.
    commits = subprocess.run(
        ["git", "rev-list", "--count", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True
    ).stdout
    stages = _notebook_stages(graph_copy)[int(commits or 0) % 3 :: 3]
    assert stages
    assert graph_copy.repro("-f", "-s", *stages) == set(stages)
    graph_copy.repro()
    for path in folder.glob("reports/**/*"):
        if path.suffix in {".csv", ".json", ".md", ".html", ".ipynb"}:
            assert "zz_gone" not in path.read_text("utf-8", "replace"), path
    listed = graph_copy.run("thinwire", "prune", "--yes").stdout
    assert "deleted: results/zz_gone" in listed and not (folder / "results/zz_gone").exists()
    after = graph_copy.hashes("reports")
    assert {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)} == set()
    assert graph_copy.repro() == set()


@pipeline
def test_check_6_a_killed_trainer_resumes_to_the_same_weights(graph_copy):
    name, folder = _leaf_run(graph_copy), graph_copy.folder
    model = folder / "models" / name / "model.safetensors"
    params = graph_copy.params()
    row = params["runs"]["ndpca"][name]
    row["steps"] = max(120, 4 * row["steps"])
    row["training"] = (row.get("training") or {}) | {"checkpoint_every": 5}
    with graph_copy.edited("params.yaml", yaml.safe_dump(params, sort_keys=False)):
        process = graph_copy.start(*DVC, "-s", f"train_ndpca@{name}")
        deadline = time.monotonic() + 120
        while not list(folder.glob(f"resume/{name}-*/resume.safetensors")):
            assert process.poll() is None and time.monotonic() < deadline, "the trainer left no resume state in time"
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert not model.exists()
        state = next(folder.glob(f"resume/{name}-*/resume.safetensors"))
        killed_at, written = _step(state), state.stat().st_mtime_ns
        process = graph_copy.start(*DVC, "-s", f"train_ndpca@{name}")
        while state.exists() and state.stat().st_mtime_ns == written and process.poll() is None:
            time.sleep(0.01)
        assert _step(state) == killed_at + 5, "the counter did not go on from where it was killed"
        assert process.wait(600) == 0
        resumed = {path.name: path.read_bytes() for path in model.parent.iterdir()}
        graph_copy.repro("-f", "-s", f"train_ndpca@{name}")
        whole = {path.name: path.read_bytes() for path in model.parent.iterdir()}
        assert [key for key in whole if whole[key] != resumed.get(key)] == []
        assert not list(folder.glob(f"resume/{name}-*"))


@pipeline
def test_check_9_a_failing_notebook_fails_the_pipeline_and_leaves_no_output(graph_copy):
    stage = _notebook_stages(graph_copy)[0]
    name = graph_copy.graph().command(stage).split()[-1]
    path = f"{SOURCES}/{name}.ipynb"
    notebook = json.loads((graph_copy.folder / path).read_text("utf-8"))
    last = {"cell_type": "code", "execution_count": None, "id": "x", "metadata": {}, "outputs": [], "source": ["1 / 0"]}
    notebook["cells"].append(last)
    before = read_lock(graph_copy.folder)[stage]
    with graph_copy.edited(path, json.dumps(notebook)):
        done = graph_copy.run(*DVC, stage, check=False)
        assert done.returncode != 0
        assert re.search(rf"thinwire: {COPIES}/{name}.ipynb: cell \d+ \(1 / 0\): ZeroDivisionError", done.stderr)
        left = [p for kind in ("notebooks", "figures", "tables", "verdicts")
                for p in (graph_copy.folder / "reports" / kind).glob(f"{name}*")]  # fmt: skip
        assert left == []
        assert (graph_copy.folder / f"build/failed/{name}.ipynb").exists()
        assert read_lock(graph_copy.folder)[stage] == before
        status = graph_copy.run("git", "status", "--porcelain", "--untracked-files=all").stdout
        assert not [line for line in status.splitlines() if line.startswith("??")], status


@pipeline
def test_check_10_nothing_needed_the_network(graph_copy):
    if not graph_copy.prefix:
        pytest.skip("no network namespace can be made here (unshare), so nothing was kept from the network but proxies")
    probe = "import socket; socket.create_connection(('192.0.2.1', 80), 1)"
    assert graph_copy.run(sys.executable, "-c", probe, check=False).returncode != 0
    pages = [path for path in graph_copy.folder.glob("reports/**/*.html")]
    fetched = re.compile(r"<(?:script|link|img|iframe|audio|source)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//", re.I)
    assert pages and [str(path) for path in pages if fetched.search(path.read_text("utf-8"))] == []
