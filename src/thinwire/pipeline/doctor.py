"""Can this environment and working copy run the pipeline? One line a check, saying what to do where it cannot."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from thinwire.errors import ThinwireError

# Without these lines a folder's hash changes when it is imported from, or a notebook in it is opened.
IGNORED = ("__pycache__/", "*.pyc", ".ipynb_checkpoints/")
NEEDED_GB, WANTED_GB = 2.0, 12.0


@dataclass(frozen=True)
class Check:
    """What one check found: `state` is ok, note or fail."""

    name: str
    state: str
    text: str

    def line(self) -> str:
        """The check as it is printed."""
        return f"{self.state:4s}  {self.name:12s} {self.text}"


def _same(one: str | Path, other: str | Path) -> bool:
    """Whether two programs lie in one environment (a venv's python is a link out of it: links stay unresolved)."""
    return Path(os.path.abspath(one)).parent.resolve() == Path(os.path.abspath(other)).parent.resolve()


def check_python() -> Check:
    """The interpreter, its version, and that `dvc` and `thinwire` on PATH belong to it (DVC runs stages by PATH)."""
    version = ".".join(map(str, sys.version_info[:3]))
    if not (3, 11) <= sys.version_info[:2] <= (3, 12):
        return Check("python", "fail", f"{version}; 3.11 or 3.12 is needed: `make clean-env` and `make repro`")
    for tool in ("dvc", "thinwire", "python"):
        found = shutil.which(tool)
        if found is None or not _same(found, sys.executable):
            where = f"is {found}" if found else "is not on PATH"
            text = f"`{tool}` {where}, not of {sys.prefix}; activate this environment or use `make repro`"
            return Check("python", "fail", text)
    return Check("python", "ok", f"{version}, {sys.prefix}")


def check_kernel() -> Check:
    """The Jupyter kernel `python3` starts this very interpreter."""
    from jupyter_client.kernelspec import NoSuchKernel
    from jupyter_client.manager import KernelManager

    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    try:
        starts = KernelManager(kernel_name="python3").format_kernel_cmd()[0]
    except NoSuchKernel:
        return Check("kernel", "fail", "no kernel `python3`; install the lock again (`make clean-env`, `make repro`)")
    if not _same(starts, sys.executable):
        text = f"`python3` starts {starts}, not {sys.executable}; `python -m ipykernel install --sys-prefix`"
        return Check("kernel", "fail", text)
    return Check("kernel", "ok", "`python3` is this interpreter")


def check_lock(root: Path = Path()) -> Check:
    """The installed versions are those of both locks."""
    from packaging.requirements import Requirement

    from thinwire.pipeline.lock import LOCK, NO_DEPS_LOCK

    other, missing = [], []
    for line in [line for lock in (LOCK, NO_DEPS_LOCK) for line in (root / lock).read_text("utf-8").splitlines()]:
        text = line.split("#")[0].strip()
        if not text or ((requirement := Requirement(text)).marker and not requirement.marker.evaluate()):
            continue
        try:
            if not requirement.specifier.contains(importlib.metadata.version(requirement.name), prereleases=True):
                other.append(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(requirement.name)
    if missing:
        advice = "`make repro`, or with conda the README's commands, install the locks"
        return Check("packages", "fail", f"not installed: {', '.join(missing)}; {advice}")
    if other:
        text = f"not the locks' version: {', '.join(other)}; results may differ in the last digits"
        return Check("packages", "note", text)
    return Check("packages", "ok", f"as in {LOCK} and {NO_DEPS_LOCK}")


def check_torch() -> Check:
    """torch and torchaudio import and compute."""
    try:
        import torch
        import torchaudio

        torchaudio.functional.resample(torch.zeros(160), 16000, 8000)
    except Exception as error:  # whatever an import can raise: the line is the point
        text = f"{type(error).__name__}: {' '.join(str(error).split())}; `thinwire setup` makes them fit"
        return Check("torch", "fail", text)
    return Check("torch", "ok", f"torch {torch.__version__}, torchaudio {torchaudio.__version__}")


def check_gpu() -> Check:
    """Which accelerator torch sees; none is fine."""
    import torch

    if torch.cuda.is_available():
        return Check("gpu", "ok", f"{torch.cuda.get_device_name(0)}; `training.accelerator: auto` uses it")
    return Check("gpu", "note", "none: training runs on the CPU")


def check_disk(root: Path = Path()) -> Check:
    """Free space for data, models and DVC's cache."""
    free = shutil.disk_usage(root).free / 1e9
    state = "fail" if free < NEEDED_GB else "note" if free < WANTED_GB else "ok"
    advice = "" if state == "ok" else f"; from nothing the default preset takes {WANTED_GB:.0f} GB"
    return Check("disk", state, f"{free:.1f} GB free{advice}")


def check_corpora(params: Path = Path("params.yaml")) -> Check:
    """Which real corpora are set, and that their folders exist."""
    from thinwire.corpora.check import real_roots
    from thinwire.params import load_params

    real = real_roots(load_params(params).corpora)
    gone = [f"corpora.{key}: no folder {root}" for key, root in real.items() if not Path(root).is_dir()]
    if gone:
        advice = "set it right in params.yaml, or null for the simulated corpus"
        return Check("corpora", "fail", f"{'; '.join(gone)}; {advice}")
    if not real:
        return Check("corpora", "note", "all simulated; `thinwire corpora check` tells where to get the real ones")
    return Check("corpora", "ok", ", ".join(f"{key}: {root}" for key, root in real.items()))


def check_dvc(root: Path = Path()) -> Check:
    """`.dvcignore` has the lines without which folders look changed, and DVC sends no analytics."""
    try:
        lines = (root / ".dvcignore").read_text("utf-8").splitlines()
        config = (root / ".dvc" / "config").read_text("utf-8").replace(" ", "").lower()
    except FileNotFoundError as error:
        return Check("dvc", "fail", f"{error.filename}: not there; `git checkout {error.filename}`")
    missing = [line for line in IGNORED if line not in lines]
    if missing:
        return Check("dvc", "fail", f".dvcignore lacks {' '.join(missing)}: folders would look changed; put them back")
    missing = [line for line in ("analytics=false", "autostage=true") if line not in config]
    if missing:
        return Check("dvc", "fail", f".dvc/config lacks {' '.join(missing)} in [core]; `git checkout .dvc/config`")
    return Check("dvc", "ok", "ignore lines and settings in place")


def check_git(root: Path = Path()) -> Check:
    """No git filter (nbstripout, LFS) rewrites what DVC hashes: else every clone reports stages stale for ever."""
    hashed = ["reports/figures/x.png", "reports/tables/x.csv", "reports/verdicts/x.json", "dvc.lock", "params.yaml"]
    command = ["git", "-C", str(root), "check-attr", "filter", "--", *hashed]
    try:
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return Check("git", "fail", "not a git repository, or no git: clone the project with git")
    fields = [line.split(": ") for line in text.splitlines()]
    rewritten = [path for path, _, value in fields if value not in ("unspecified", "unset")]
    if rewritten:
        advice = "add `<pattern> -filter` to .git/info/attributes"
        return Check("git", "fail", f"a filter rewrites {', '.join(rewritten)}; {advice}")
    setting = ["git", "-C", str(root), "config", "core.autocrlf"]
    if subprocess.run(setting, capture_output=True, text=True).stdout.strip() == "true":
        return Check("git", "fail", "core.autocrlf rewrites line ends; `git config core.autocrlf input`")
    return Check("git", "ok", "no filter touches what DVC hashes")


def check_orphans(root: Path = Path()) -> Check:
    """No trainer of this working copy has outlived its `dvc`."""
    import psutil

    found = []
    for process in psutil.process_iter(["pid", "ppid", "cmdline"]):
        words = [Path(word).name for word in process.info["cmdline"] or []]
        if "thinwire" not in words or not {"train", "train-long"} & set(words) or process.info["ppid"] != 1:
            continue
        try:
            if Path(process.cwd()).resolve() == root.resolve():
                found.append(str(process.info["pid"]))
        except psutil.Error:
            continue
    if found:
        return Check("orphans", "fail", f"trainers that outlived their dvc; end them with `kill {' '.join(found)}`")
    return Check("orphans", "ok", "no trainer left behind")


CHECKS: tuple[Callable[[], Check], ...] = (
    check_python, check_kernel, check_lock, check_torch, check_gpu,
    check_disk, check_corpora, check_dvc, check_git, check_orphans,
)  # fmt: skip


def examine() -> list[Check]:
    """Run every check from the repository's root; one that cannot run fails with its own message."""
    found = []
    for check in CHECKS:
        try:
            found.append(check())
        except (ThinwireError, OSError, ImportError) as error:
            found.append(Check(check.__name__.removeprefix("check_"), "fail", " ".join(str(error).split())))
    return found
