"""`params.yaml` as typed values; a wrong key or value is one line that names it and its place."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, model_validator

from thinwire.errors import ParamError
from thinwire.params.base import Row, Section, Training
from thinwire.params.channel import Channel
from thinwire.params.corpora import Simulate
from thinwire.params.parts import Corpora, MisplacedError, Parts, Runs, Systems, first_fault

__all__ = ["Evaluation", "Params", "load_params", "parse_params"]


class Evaluation(Parts):
    """`evaluation`: one entry a paper, and the number of bootstrap draws."""

    section = "evaluation"
    bootstrap: int = Field(2000, ge=100)


class Params(Section):
    """The whole of `params.yaml`."""

    preset: str
    seed: int = Field(ge=0)
    jobs: int = Field(1, ge=1, description="processes for listening measures (joblib)")
    scheduler: str | None = Field(None, description="address of a Dask scheduler; null: this machine")
    simulate: Simulate
    corpora: Corpora
    systems: Systems
    training: Training
    runs: Runs
    evaluation: Evaluation
    channel: Channel

    @model_validator(mode="after")
    def _consistent(self) -> Params:
        twice = [name for name, count in Counter(n for p in self.runs.names() for n in getattr(self.runs, p)).items()
                 if count > 1]  # fmt: skip
        if twice:
            raise MisplacedError("runs", f"{twice[0]} stands in two papers' tables; names of runs must differ")
        for name, run in self.runs.rows().items():
            place = f"runs.{self.runs.paper_of(name)}.{name}"
            if run.system not in self.systems.names():
                raise MisplacedError(f"{place}.system", f"there is no section systems.{run.system}")
            try:
                self._training(run)
            except ValidationError as error:
                inner, what = first_fault(error)
                raise MisplacedError(f"{place}.training.{inner}", what) from error
        return self

    def run(self, name: str) -> Any:
        """The row of a run; raises ParamError naming the rows there are."""
        rows = self.runs.rows()
        if name not in rows:
            raise ParamError(f"params.yaml: runs: {name}: no such run; there are {', '.join(rows)}")
        return rows[name]

    def training_of(self, name: str) -> Training:
        """The loop's settings for a run: `training`, changed by its system's `training`, and by the run's own."""
        return self._training(self.run(name))

    def _training(self, run: Row) -> Training:
        of_system = getattr(getattr(self.systems, run.system), "training", {})
        return Training(**(self.training.model_dump() | of_system | run.training))

    def with_run(self, name: str, row: Row) -> Params:
        """A copy in which the row of a run is another."""
        paper = self.runs.paper_of(name)
        tables = {other: getattr(self.runs, other) for other in self.runs.names()}
        tables[paper] = tables[paper] | {name: row}
        return self.model_copy(update={"runs": Runs.model_construct(**tables)})


def parse_params(tree: Any, where: str = "params.yaml") -> Params:
    """Check a parsed YAML tree; raises ParamError for the first wrong key or value."""
    if not isinstance(tree, dict):
        raise ParamError(f"{where}: holds no mapping of parameters")
    try:
        return Params(**tree)
    except ValidationError as error:
        place, what = first_fault(error)
        raise ParamError(f"{where}: {place or '(whole file)'}: {what}") from error


def load_params(path: Path | str = "params.yaml") -> Params:
    """Read and check a parameter file; raises ParamError with file, key and, for bad YAML, line."""
    path = Path(path)
    try:
        tree = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ParamError(f"{path}: not there; run the command in the repository's root") from error
    except UnicodeDecodeError as error:
        raise ParamError(f"{path}: not UTF-8 text ({error}); save it as UTF-8") from error
    except yaml.YAMLError as error:
        raise ParamError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    return parse_params(tree, str(path))
