"""Reading `papers/*.yaml`; what is wrong is said in one line that names the file and the claim."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from thinwire.claims.model import Claim, Paper
from thinwire.errors import PipelineError


def _explain(path: Path, tree: Any, error: ValidationError) -> str:
    first = error.errors()[0]
    parts = list(first["loc"])
    if len(parts) >= 2 and parts[0] == "claims" and isinstance(parts[1], int):
        entry = tree["claims"][parts[1]]
        name = entry.get("id", f"entry {parts[1] + 1}") if isinstance(entry, dict) else f"entry {parts[1] + 1}"
        parts = [f"claim {name}", *parts[2:]]
    place = (
        ": ".join([str(parts[0]), ".".join(str(part) for part in parts[1:])]).rstrip(": ") if parts else "(whole file)"
    )
    what = (
        "no such key (mistyped?)" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
    )
    return f"{path}: {place}: {what}"


def _check(path: Path, paper: Paper) -> None:
    if paper.paper != path.stem:
        raise PipelineError(f"{path}: paper: is {paper.paper!r}, must be the file's name, {path.stem!r}")
    seen: set[str] = set()
    for claim in paper.claims:
        if claim.id in seen:
            raise PipelineError(f"{path}: claim {claim.id}: stands there twice")
        seen.add(claim.id)
        if not claim.id.startswith(f"{paper.prefix or paper.paper}."):
            raise PipelineError(f"{path}: claim {claim.id}: the id must begin with `{paper.prefix or paper.paper}.`")
        if claim.notebook not in paper.notebooks:
            raise PipelineError(f"{path}: claim {claim.id}: notebook {claim.notebook!r} is not among `notebooks`")
        if claim.floor is not None and claim.floor not in paper.floors:
            raise PipelineError(f"{path}: claim {claim.id}: floor {claim.floor!r} is not among `floors`")


def load_paper(name: str, root: Path | str = ".") -> Paper:
    """Read `<root>/papers/<name>.yaml`; raises PipelineError naming file, claim and key (or line, for bad YAML)."""
    path = Path(root) / "papers" / f"{name}.yaml"
    try:
        tree = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise PipelineError(f"{path}: not there; a paper's claims and rules belong in it") from error
    except yaml.YAMLError as error:
        raise PipelineError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(tree, dict):
        raise PipelineError(f"{path}: holds no mapping of `paper`, `notebooks`, `claims`")
    try:
        paper = Paper(**tree)
    except ValidationError as error:
        raise PipelineError(_explain(path, tree, error)) from error
    _check(path, paper)
    return paper


def load_claims(paper: str, root: Path | str = ".") -> dict[str, Claim]:
    """The claims of a paper by id, in the file's order."""
    return {claim.id: claim for claim in load_paper(paper, root).claims}
