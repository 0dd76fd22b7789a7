"""The scoreboard: every claim of every paper has a row, taken from the verdicts of the notebook that judges it."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from thinwire.artifacts import atomic_path, write_json
from thinwire.claims import Claim, Paper, Verdict, load_paper, read_verdicts
from thinwire.claims.model import VERDICTS
from thinwire.errors import PipelineError
from thinwire.params import load_params

SITE = "The same with filters: `index.html`, open it from disk. "
SIGNS = {
    "reproduced": "🟢", "within_tolerance": "🟢", "inconclusive": "⚪",
    "differs": "🟠", "contradicted": "🔴", "not_testable": "⚫",
}  # fmt: skip


@dataclass(frozen=True)
class Board:
    """The papers, their rows in the papers' order, and the preset that all of it was measured at."""

    papers: list[Paper]
    rows: list[dict[str, Any]]
    scale: str


def paper_names(root: Path) -> list[str]:
    """The papers on the board: those of `papers/*.yaml` with at least one judged notebook, so that a paper whose rules
    are written before its stages are leaves the others' board whole. Raises PipelineError when there is none.
    """
    names = sorted(path.stem for path in (root / "papers").glob("*.yaml"))
    judged = [name for name in names if verdict_path(root, name, "").parent.is_dir()]
    if not judged:
        found = f"rules for {', '.join(names)}, but no verdicts below reports/" if names else "no `<paper>.yaml`"
        raise PipelineError(f"{root / 'papers'}: holds {found}; run `dvc repro` in the repository's root")
    return judged


def verdict_path(root: Path, paper: str, notebook: str) -> Path:
    """Where a notebook leaves its verdicts."""
    return root / "reports" / "verdicts" / paper / f"{notebook}.json"


def _row(root: Path, claim: Claim, verdicts: dict[str, Verdict], path: Path, scale: str) -> dict[str, Any]:
    if claim.id not in verdicts:
        raise PipelineError(f"{path}: no verdict for claim {claim.id}; notebook {claim.notebook} must judge it")
    verdict = verdicts[claim.id]
    if verdict.verdict not in claim.possible():
        possible = ", ".join(sorted(claim.possible()))
        raise PipelineError(
            f"{path}: claim {claim.id}: verdict {verdict.verdict!r} is not one its rule gives ({possible})"
        )
    for place in verdict.evidence:
        if not place.startswith("reports/") or not (root / place).is_file():
            raise PipelineError(
                f"{path}: claim {claim.id}: evidence {place} is not there; name files below reports/, from the root"
            )
    # What the claim says comes from its own file, so a verdict from before a change of wording cannot disagree with it.
    said = {"id": claim.id, "paper": claim.paper, "where": claim.where, "statement": claim.statement,
            "paper_value": claim.paper_value, "unit": claim.unit}  # fmt: skip
    extra = {"scale": scale, "kind": claim.kind, "rule": claim.rule.type, "measure": claim.measure,
             "notebook": claim.notebook, "value_note": claim.value_note}  # fmt: skip
    return asdict(verdict) | said | extra


def build_board(root: Path | str = ".") -> Board:
    """Gather all verdicts; raises PipelineError naming file and claim when one is missing, or is none of its rule's."""
    root = Path(root)
    scale = load_params(root / "params.yaml").preset
    papers = [load_paper(name, root) for name in paper_names(root)]
    rows: list[dict[str, Any]] = []
    for paper in papers:
        files = {}
        for notebook in dict.fromkeys(claim.notebook for claim in paper.claims):
            path = verdict_path(root, paper.paper, notebook)
            files[notebook] = (read_verdicts(path), path)
            known = {claim.id for claim in paper.claims if claim.notebook == notebook}
            for stray in sorted(set(files[notebook][0]) - known):
                raise PipelineError(
                    f"{path}: claim {stray}: papers/{paper.paper}.yaml does not give it to this notebook"
                )
        rows += [_row(root, claim, *files[claim.notebook], scale) for claim in paper.claims]
    return Board(papers, rows, scale)


def files_of(root: Path, kind: str, paper: str, notebook: str, suffix: str) -> list[str]:
    """What a named notebook left below reports/<kind>/, as paths relative to reports/.

    The folder is an output of that notebook's stage alone, emptied before each execution, so nothing stale is in it.
    """
    folder = root / "reports" / kind / paper / notebook
    return [str(path.relative_to(root / "reports")) for path in sorted(folder.glob(f"*{suffix}"))]


def show(value: Any) -> str:
    """A value for people: three significant digits, `name value` pairs for a mapping, a dash for none."""
    if value is None:
        return "–"
    if isinstance(value, dict):
        return ", ".join(f"{key} {show(item)}" for key, item in value.items())
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def show_measured(row: dict[str, Any]) -> str:
    """The measured value with its interval, where it has one, and its unit."""
    interval = "" if row["ci_low"] is None else f" [{show(row['ci_low'])}, {show(row['ci_high'])}]"
    return with_unit(show(row["measured"]) + interval, row["unit"])


def show_paper(row: dict[str, Any]) -> str:
    """The value that the paper prints, with its unit; a dash where the supplied text has none."""
    return with_unit(show(row["paper_value"]), row["unit"])


def with_unit(text: str, unit: str) -> str:
    """Text followed by its unit, unless there is nothing to measure."""
    return text if unit == "none" or text == "–" else f"{text} {unit}"


def counts(rows: list[dict[str, Any]]) -> dict[str, int]:
    """How many rows have each verdict, best first, those that do not occur too."""
    counter = Counter(row["verdict"] for row in rows)
    return {name: counter[name] for name in VERDICTS}


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _paper_markdown(root: Path, board: Board, paper: Paper) -> list[str]:
    rows = [row for row in board.rows if row["paper"] == paper.paper]
    rules = f"papers/{paper.paper}.yaml"
    lines = [f"## {paper.title}", "", f"{paper.source}. Claims and rules: [{rules}](../{rules}).", ""]
    lines += ["| verdict | claim | where | paper | measured [95 %] | why |", "|" + " --- |" * 6]
    for row in rows:
        value = show_paper(row) + (f" ({row['value_note']})" if row["value_note"] else "")
        links = ", ".join(f"[{Path(place).name}]({place.removeprefix('reports/')})" for place in row["evidence"])
        why = _cell(row["reason"]) + (f" ({links})" if links else "")
        verdict = f"{SIGNS[row['verdict']]} {row['verdict'].replace('_', ' ')}"
        statement = f"{_cell(row['statement'])}<br>`{row['id']}`"
        cells = [verdict, statement, _cell(row["where"]), _cell(value), _cell(show_measured(row)), why]
        lines.append(f"| {' | '.join(cells)} |")
    for name, notebook in paper.notebooks.items():
        source = f"notebooks/{paper.paper}/{name}.ipynb"
        about = f"{notebook.shows}. Notebook [{source}](../{source}), stage `{notebook.stage}`."
        lines += ["", f"### {notebook.title}", "", about]
        tables = files_of(root, "tables", paper.paper, name, ".csv")
        if tables:
            lines += ["", "Data: " + ", ".join(f"[{Path(table).name}]({table})" for table in tables) + "."]
        for figure in files_of(root, "figures", paper.paper, name, ".png"):
            lines += ["", f"![{notebook.title}: {Path(figure).stem.replace('_', ' ')}]({figure})"]
    return [*lines, ""]


def markdown(root: Path, board: Board) -> str:
    """The text of reports/README.md."""
    heads = [f"{SIGNS[name]} {name.replace('_', ' ')}" for name in VERDICTS]
    about = (
        f"Measured at scale `{board.scale}`, by rules that were written beforehand ([how](../docs/claims.md)). "
        f"{SITE}This page is made by `dvc repro`."
    )
    lines = ["# Scoreboard", "", about, "", f"| paper | {' | '.join(heads)} | claims |"]
    lines.append("| --- |" + " ---: |" * (len(heads) + 1))
    for paper in board.papers:
        rows = [row for row in board.rows if row["paper"] == paper.paper]
        cells = [str(number) for number in counts(rows).values()]
        lines.append(f"| `{paper.paper}` | {' | '.join(cells)} | {len(rows)} |")
    lines.append("")
    for paper in board.papers:
        lines += _paper_markdown(root, board, paper)
    return "\n".join(lines).rstrip("\n") + "\n"


def write_scoreboard(root: Path | str = ".") -> Board:
    """Write reports/scoreboard.json and reports/README.md; nothing is written when a verdict is missing."""
    root = Path(root)
    board = build_board(root)
    text = markdown(root, board)
    write_json(root / "reports" / "scoreboard.json", board.rows)
    with atomic_path(root / "reports" / "README.md") as temporary:
        temporary.write_text(text, "utf-8")
    return board
