"""The code that each stage runs: for every stage one small file, `build/code/...`, with its modules and their hashes.

A stage of `dvc.yaml` depends on its file, so that an edit makes stale what runs the edited module and nothing else. (To
name the modules themselves in every stage would say the same, in a `dvc.lock` twice as long, which DVC parses and
rewrites for each stage.)
"""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from thinwire.artifacts import atomic_path
from thinwire.pipeline.closure import PACKAGE, SOURCE, Modules
from thinwire.pipeline.meaning import digest
from thinwire.pipeline.sources import COPIES, find_notebooks

CODE = Path("build/code")
# Subcommands that are stages and always run the same modules; the others choose some by name, see `_by_choice`.
PLAIN = ("classic", "join", "scoreboard", "site")


def systems_of(paper: str) -> tuple[str, ...]:
    """The systems that rows of `runs.<paper>` may name."""
    from thinwire.params.parts import Runs

    return get_args(Runs.row(paper).model_fields["system"].annotation)


def papers(source: Path = SOURCE) -> list[str]:
    """The papers that have an evaluation."""
    return sorted(path.parent.name for path in (source / PACKAGE / "evaluation").glob("*/stage.py"))


def _by_choice(source: Path) -> dict[str, list[str]]:
    """File name to the modules picked by name, which no `import` of the subcommand shows."""
    from thinwire.corpora import simulate
    from thinwire.corpora.registry import CORPORA

    found = {f"simulate/{name}": [f"{simulate.__name__}.{name}"] for name in simulate.CORPORA}
    for corpus in CORPORA.values():
        found[f"extract/{corpus.name}"] = [f"{PACKAGE}.corpora.{corpus.extractor}"]
    for paper in papers(source):
        adapters = {system: f"{PACKAGE}.training.adapters.{system}" for system in systems_of(paper)}
        found |= {f"train/{system}": [adapter] for system, adapter in adapters.items()}
        found[f"evaluate/{paper}"] = [f"{PACKAGE}.evaluation.{paper}.stage", *adapters.values()]
        found[f"compare/{paper}"] = [f"{PACKAGE}.evaluation.{paper}.compared"]
        found[f"complexity/{paper}"] = [f"{PACKAGE}.evaluation.{paper}.complexity"]
    found["follow"] = [f"{PACKAGE}.training.adapters.{system}" for system in systems_of("ndpca")]
    return found


def file_of(command: str, paper: str = "", system: str = "") -> Path:
    """The file that a stage with this command depends on; `paper` and `system`: those of its row, where it has one."""
    words = command.split()[command.split().index(PACKAGE) + 1 :]
    by_row = {"train": system, "evaluate": paper, "follow": ""}  # their argument is a run, which picks no modules
    choice = by_row.get(words[0], words[1] if len(words) > 1 else "")
    return CODE / f"{words[0]}{'/' if choice else ''}{choice}.txt"


def listing(files: set[Path]) -> str:
    """Lines `<hash of what the module means>  <path>`, sorted by path."""
    lines = (f"{digest(path.read_bytes())}  {path.as_posix()}" for path in sorted(files))
    return "".join(f"{line}\n" for line in lines)


def listings(source: Path = SOURCE, notebooks: Path = COPIES) -> dict[Path, str]:
    """The text of every file in `build/code`, for the code as it is now."""
    modules = Modules(source)
    found = {CODE / f"{name}.txt": modules.behind_command(name) for name in PLAIN}
    for name, chosen in _by_choice(source).items():
        if all(map(modules.file_of, chosen)):
            found[CODE / f"{name}.txt"] = modules.behind_command(name.split("/")[0], chosen)
    for path in find_notebooks(notebooks):
        files = modules.behind_command("notebook") | modules.behind_notebook(path)
        found[CODE / "notebook" / path.parent.name / f"{path.stem}.txt"] = files
    return {path: listing(files) for path, files in found.items()}


def write_listings(target: Path = CODE) -> int:
    """Write `build/code` anew, whole or not at all, and return the number of its files."""
    texts = listings()
    with atomic_path(target, directory=True) as temporary:
        for path, text in texts.items():
            (temporary / path.relative_to(CODE)).parent.mkdir(parents=True, exist_ok=True)
            (temporary / path.relative_to(CODE)).write_text(text, "utf-8")
    return len(texts)
