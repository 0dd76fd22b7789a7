"""`params.yaml` as typed values; a wrong key or value is one line that names it and its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, model_validator

from thinwire.errors import ParamError
from thinwire.params.base import Section
from thinwire.params.corpora import Corpora, Simulate
from thinwire.params.evaluation import Channel, Evaluation
from thinwire.params.systems import Run, Systems, Training

__all__ = ["Params", "Run", "load_params", "parse_params"]


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
    runs: dict[str, Run]
    evaluation: Evaluation
    channel: Channel

    @model_validator(mode="after")
    def _consistent(self) -> Params:
        for name, run in self.runs.items():
            if not name.replace("_", "").isalnum():
                raise ValueError(f"runs.{name}: use letters, digits and `_` in a run's name")
            if (run.bottleneck == "fixed") != (run.fixed_m is not None):
                raise ValueError(f"runs.{name}: `fixed_m` belongs to bottleneck `fixed`, and to it alone")
            try:
                Training(**(self.training.model_dump() | run.training))
            except ValidationError as error:
                place, what = _first_fault(error)
                raise ValueError(f"runs.{name}.training.{place}: {what}") from error
        return self

    def run(self, name: str) -> Run:
        """The row of a run; raises ParamError naming the rows there are."""
        if name not in self.runs:
            raise ParamError(f"params.yaml: runs.{name}: no such run; there are {', '.join(self.runs)}")
        return self.runs[name]

    def training_of(self, name: str) -> Training:
        """The loop's settings for a run: `training`, changed by the run's own `training`."""
        return Training(**(self.training.model_dump() | self.run(name).training))


def parse_params(tree: Any, where: str = "params.yaml") -> Params:
    """Check a parsed YAML tree; raises ParamError for the first wrong key or value."""
    if not isinstance(tree, dict):
        raise ParamError(f"{where}: holds no mapping of parameters")
    try:
        return Params(**tree)
    except ValidationError as error:
        place, what = _first_fault(error)
        raise ParamError(f"{where}: {place or '(whole file)'}: {what}") from error


def _first_fault(error: ValidationError) -> tuple[str, str]:
    """Where the first fault is, with dots, and what it is."""
    first = error.errors()[0]
    what = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        what = "no such parameter (mistyped?)"
    elif first["type"] != "missing" and not isinstance(first["input"], dict):
        what += f", found {first['input']!r}"
    return ".".join(str(part) for part in first["loc"]), what


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
