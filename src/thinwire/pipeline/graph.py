"""The DVC graph as plain values: stages in order, what each reads and makes, and what the last run recorded."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from thinwire.errors import PipelineError
from thinwire.pipeline.quick_dvc import quicken


@dataclass(frozen=True)
class Graph:
    """A DVC project: its stages in `order`, upstream first; `before`: which each reads from; `lock`: last runs."""

    repo: Any  # dvc.repo.Repo
    order: list[str]
    before: dict[str, set[str]]
    lock: dict[str, dict[str, Any]]

    @staticmethod
    def read(root: Path = Path()) -> Graph:
        """Read the project at `root`; raises PipelineError with DVC's own words when it cannot be parsed."""
        from dvc.exceptions import DvcException
        from dvc.repo import Repo

        quicken()
        logging.getLogger("dvc").setLevel(logging.ERROR)
        try:
            repo = Repo(str(root))
            import networkx

            graph = repo.index.graph  # edges lead from a stage to those it reads from
            stages = list(networkx.dfs_postorder_nodes(graph))
            before = {_name(stage): {_name(other) for other in graph.successors(stage)} for stage in stages}
        except DvcException as error:
            raise PipelineError(f"dvc.yaml: {error}; `dvc repro --dry` shows more") from error
        return Graph(repo, [_name(stage) for stage in stages], before, read_lock(root))

    def _stage(self, name: str) -> Any:
        return next(stage for stage in self.repo.index.stages if _name(stage) == name)

    def command(self, name: str) -> str:
        """The command a stage runs now."""
        command = self._stage(name).cmd
        return command if isinstance(command, str) else " && ".join(command)

    def outputs(self, name: str) -> list[str]:
        """The paths a stage makes, relative to the root."""
        return [str(Path(out.fs_path).relative_to(self.repo.root_dir)) for out in self._stage(name).outs]

    def dependencies(self, name: str) -> list[str]:
        """The paths a stage reads, relative to the root, parameter files left out."""
        from dvc.dependency import ParamsDependency

        deps = [dep for dep in self._stage(name).deps if not isinstance(dep, ParamsDependency)]
        return [str(Path(dep.fs_path).relative_to(self.repo.root_dir)) for dep in deps]

    def parameter(self, path: str, key: str, default: Any) -> Any:
        """The present value of a dotted key of a parameter file."""
        try:
            value: Any = yaml.safe_load((Path(self.repo.root_dir) / path).read_text("utf-8"))
        except OSError:
            return default
        for part in key.split("."):
            if not isinstance(value, dict) or part not in value:
                return default
            value = value[part]
        return value

    def upstream(self, name: str) -> set[str]:
        """All stages that a stage depends on, directly or not."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            new = self.before[waiting.pop()] - found
            found |= new
            waiting += new
        return found

    def needed(self, targets: list[str]) -> set[str]:
        """The stages that targets name (one stage, or all rows of a `foreach`) and all they read from; no target: all.

        Raises PipelineError for a target that names no stage.
        """
        found: set[str] = set()
        for target in targets:
            named = [name for name in self.order if name == target or name.split("@")[0] == target]
            if not named:
                raise PipelineError(f"dvc.yaml: no stage `{target}`; `dvc stage list` shows what there is")
            found.update(named, *(self.upstream(name) for name in named))
        return found if targets else set(self.order)

    def changed(self) -> dict[str, list[Any]]:
        """What DVC finds changed, per stage: the value of `dvc status --json`. Raises PipelineError while another run
        writes what is to be looked at.
        """
        from dvc.lock import LockError

        try:
            with self.repo.lock:
                return {_name(stage): found for stage in self.repo.index.stages if (found := _status(stage))}
        except LockError as error:
            said = " ".join(str(error).split())
            raise PipelineError(
                f"another run is at work in this folder; wait for its end, or stop it ({said})"
            ) from error


def _name(stage: Any) -> str:
    return getattr(stage, "name", None) or stage.addressing  # `addressing` alone depends on the working directory


def _status(stage: Any) -> list[Any]:
    return [] if stage.frozen else next(iter(stage.status().values()), [])


def read_lock(root: Path = Path()) -> dict[str, dict[str, Any]]:
    """The entries of `dvc.lock` by stage name; empty when there is no such file."""
    try:
        return (yaml.safe_load((root / "dvc.lock").read_text("utf-8")) or {}).get("stages") or {}
    except FileNotFoundError:
        return {}
    except yaml.YAMLError as error:
        raise PipelineError(f"dvc.lock: not YAML: {' '.join(str(error).split())}; `git checkout dvc.lock`") from error
