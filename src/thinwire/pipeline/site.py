"""reports/index.html: scoreboard with filters, figures beside notebook, stage, parameters and data; works from disk."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from thinwire.artifacts import atomic_path, read_json
from thinwire.claims import Paper
from thinwire.errors import PipelineError
from thinwire.pipeline.scoreboard import Board, build_board, counts, files_of, show_measured, show_paper
from thinwire.pipeline.site_assets import SCRIPT, STYLE


def _link(root: Path, target: str, text: str) -> str:
    """A link relative to reports/; raises PipelineError when it would lead nowhere."""
    if not (root / "reports" / target).is_file():
        raise PipelineError(f"reports/{target}: the site links to it and it is not there; run `dvc repro`")
    return f'<a href="{escape(target)}">{escape(text)}</a>'


def parameters_of(path: Path) -> str:
    """The parameters that an executed notebook was given, as papermill wrote them into it; empty when none."""
    notebook = read_json(path)
    try:
        cells = [cell for cell in notebook["cells"] if "injected-parameters" in cell["metadata"].get("tags", [])]
        lines = "".join("".join(cell["source"]) for cell in cells).splitlines()
    except (KeyError, TypeError, AttributeError) as error:
        raise PipelineError(f"{path}: not an executed notebook; run its stage again") from error
    return "\n".join(line for line in lines if line.strip() and not line.startswith("#"))


def _claim_row(root: Path, row: dict[str, Any]) -> str:
    verdict = row["verdict"]
    note = f' <span class="soft">({escape(row["value_note"])})</span>' if row["value_note"] else ""
    evidence = ", ".join(_link(root, place.removeprefix("reports/"), Path(place).name) for place in row["evidence"])
    found = f"<p>{evidence}</p>" if evidence else ""
    return (
        f'<tr id="{escape(row["id"])}" data-verdict="{verdict}">'
        f'<td class="verdict {verdict}"><span class="dot"></span>{verdict.replace("_", " ")}</td>'
        f'<td>{escape(row["statement"])}<code class="id">{escape(row["id"])}</code>'
        f'<span class="soft">{escape(row["where"])}</span></td>'
        f'<td data-name="paper">{escape(show_paper(row))}{note}</td>'
        f'<td data-name="measured">{escape(show_measured(row))}</td>'
        f"<td>{escape(row['reason'])}{found}"
        f"<details><summary>how it is measured</summary>{escape(row['measure'])} "
        f"<code>rule: {escape(row['rule'])}</code></details></td></tr>"
    )


def _notebook(root: Path, paper: Paper, name: str) -> str:
    notebook = paper.notebooks[name]
    page = f"notebooks/{paper.paper}/{name}.html"
    source = _link(root, f"../notebooks/{paper.paper}/{name}.ipynb", "source")
    parts = [
        f"<h3>{_link(root, page, notebook.title)}</h3>",
        f'<p class="soft">{escape(notebook.shows)} · stage <code>{escape(notebook.stage)}</code> · '
        f"{_link(root, page, 'executed notebook')} · {source} · {_link(root, '../params.yaml', 'params.yaml')}</p>",
    ]
    tables = files_of(root, "tables", paper.paper, name, ".csv")
    if tables:
        parts.append(f"<p>Data: {', '.join(_link(root, table, Path(table).name) for table in tables)}</p>")
    parameters = parameters_of(root / "reports" / "notebooks" / paper.paper / f"{name}.ipynb")
    if parameters:
        parts.append(f"<details><summary>parameters</summary><pre>{escape(parameters)}</pre></details>")
    figures = []
    for figure in files_of(root, "figures", paper.paper, name, ".png"):
        caption = Path(figure).stem.replace("_", " ")
        figures.append(
            f'<figure class="figure"><a href="{escape(page)}"><img src="{escape(figure)}" loading="lazy" '
            f'alt="{escape(notebook.title)}: {escape(caption)}"></a><figcaption>{escape(caption)}</figcaption></figure>'
        )
    if figures:
        parts.append(f'<div class="figures">{"".join(figures)}</div>')
    return f'<section class="notebook" id="{escape(paper.paper)}-{escape(name)}">{"".join(parts)}</section>'


def _paper(root: Path, board: Board, paper: Paper) -> str:
    rows = "\n".join(_claim_row(root, row) for row in board.rows if row["paper"] == paper.paper)
    rules = f"papers/{paper.paper}.yaml"
    notebooks = "\n".join(_notebook(root, paper, name) for name in paper.notebooks)
    return (
        f'<h2 id="{escape(paper.paper)}">{escape(paper.title)}</h2>\n'
        f'<p class="soft">{escape(paper.source)} · claims and rules: {_link(root, f"../{rules}", rules)}</p>\n'
        "<table><thead><tr><th>verdict</th><th>claim</th><th>paper</th>"
        "<th>measured [95 %]</th><th>why</th></tr></thead>\n"
        f'<tbody>\n{rows}\n</tbody></table>\n<div class="notebooks">\n{notebooks}\n</div>'
    )


def html(root: Path, board: Board) -> str:
    """The text of reports/index.html."""
    buttons = "".join(
        f'<button type="button" aria-pressed="true" data-verdict="{name}"><span class="dot {name}"></span>'
        f"{name.replace('_', ' ')} {number}</button>"
        for name, number in counts(board.rows).items()
    )
    data = _link(root, "scoreboard.json", "scoreboard.json")
    how = _link(root, "../docs/claims.md", "how claims are judged")
    papers = "\n".join(_paper(root, board, paper) for paper in board.papers)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>thinwire: measured against claimed</title>
<style>
{STYLE}
</style>
</head>
<body>
<header>
<h1>Speech over a thin wire</h1>
<p>What the papers claim and what was measured here, at scale <code>{escape(board.scale)}</code>,
by rules that were written beforehand.</p>
<p class="soft">{data} · {how}.
Executed notebooks are made by <code>dvc repro</code>; a fresh clone has none until it has run.</p>
<div class="filters">{buttons}<input type="search" placeholder="search the claims" aria-label="search the claims"></div>
</header>
<main>
{papers}
</main>
<footer>Made by <code>dvc repro</code>. No verdict is better than its interval, and a claim that fails is shown failing.
</footer>
<script>
{SCRIPT}
</script>
</body>
</html>
"""


def write_site(root: Path | str = ".") -> Path:
    """Write reports/index.html; raises PipelineError when a verdict is missing or a link would lead nowhere."""
    root = Path(root)
    text = html(root, build_board(root))
    path = root / "reports" / "index.html"
    with atomic_path(path) as temporary:
        temporary.write_text(text, "utf-8")
    return path
