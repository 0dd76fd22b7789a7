"""What README and docs say exists: commands and options, make targets, parameters, links, stages, the scoreboard.

`python tests/test_readme.py` writes the counts of both scoreboards into README.md.
"""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from thinwire.cli import COMMANDS, _parser
from thinwire.params import Params, load_params, parse_params

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["README.md", "data/README.md", "weights/README.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
BOARDS = {"scoreboard": "reports/scoreboard.json", "scoreboard on real recordings": "reports/real/scoreboard.json"}
VERDICTS = ("reproduced", "within_tolerance", "inconclusive", "differs", "contradicted", "not_testable")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands(text: str) -> list[str]:
    """Lines of shell blocks, less comments."""
    lines = (line.split(" #")[0].strip() for block in blocks(text, "bash") for line in block.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def inline(text: str) -> list[str]:
    """Inline code outside blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def around(text: str, name: str) -> tuple[str, str, str]:
    """A page before, between and after the marks of a scoreboard."""
    head, rest = text.split(f"<!-- {name} -->\n")
    table, tail = rest.split(f"<!-- /{name} -->")
    return head, table, tail


def shown(board: str) -> str:
    """The README's table of counts."""
    rows: list[dict[str, Any]] = json.loads((ROOT / board).read_text("utf-8"))
    lines = [f"| paper | {' | '.join(name.replace('_', ' ') for name in VERDICTS)} | claims |"]
    lines.append("| --- |" + " ---: |" * (len(VERDICTS) + 1))
    for paper in dict.fromkeys(row["paper"] for row in rows):
        found = [row["verdict"] for row in rows if row["paper"] == paper]
        lines.append(f"| `{paper}` | {' | '.join(str(found.count(name)) for name in VERDICTS)} | {len(found)} |")
    return "\n".join(lines) + "\n"


@pytest.fixture(params=PAGES)
def page(request) -> Path:
    return ROOT / request.param


def whole(code: str) -> bool:
    """Whether a command can be parsed as it stands: no placeholder such as NAME or <run> in it."""
    return not re.search(r"\b[A-Z]+\b|<", code)


def test_every_command_shown_is_accepted(page):
    from dvc.cli.parser import get_main_parser

    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]
    text = page.read_text("utf-8")
    shown = commands(text) + [code for code in inline(text) if re.match(r"(thinwire|dvc) .* -", code) and whole(code)]
    for line in shown:
        words = shlex.split(line)
        words = ["thinwire", *words[3:]] if words[:3] == ["python", "-m", "thinwire.cli"] else words
        try:
            if words[0] == "thinwire":
                assert words[1] in COMMANDS, f"{page.name}: {line}"
                _parser(words[1]).parse_args(words[1:])
            elif words[0] == "dvc":
                told = get_main_parser().parse_args(words[1:])
                for target in told.targets or [] if words[1] == "repro" else []:
                    assert target.partition("@")[0] in stages, f"{page.name}: {line}: no such stage"
        except Exception as error:
            pytest.fail(f"{page.name}: `{line}` is not accepted: {error}")
        except SystemExit:
            pytest.fail(f"{page.name}: `{line}` is not accepted")


def test_every_subcommand_and_make_target_named_exists(page):
    text = page.read_text("utf-8")
    code = inline(text) + commands(text)
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for line in code:
        for name in re.findall(r"\bthinwire ([a-z][a-z-]+)", line):
            assert name in COMMANDS, f"{page.name}: {line}"
        for name in re.findall(r"\bmake ([a-z][a-z-]+)", line):
            assert name in targets, f"{page.name}: {line}"


def test_every_parameter_named_exists(page):
    tree = load_params(ROOT / "params.yaml").model_dump()
    for code in inline(page.read_text("utf-8")):
        keys = code.split(":")[0].split(".")
        if not re.fullmatch(r"[a-z_0-9<>]+(\.[a-z_0-9<>]+)+", code.split(":")[0]) or keys[0] not in tree:
            continue
        node: Any = tree
        for key in keys:
            node = next(iter(node.values())) if key.startswith("<") else node
            if not key.startswith("<"):
                assert isinstance(node, dict) and key in node, f"{page.name}: `{code}`"
                node = node[key]


def test_yaml_shown_fits_the_parameters(page):
    plain = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    for block in blocks(page.read_text("utf-8"), "yaml"):
        tree = json.loads(json.dumps(plain))
        for section, entries in yaml.safe_load(block).items():
            for name, values in entries.items():
                tree[section][name] = tree[section].get(name, {}) | values
        assert isinstance(parse_params(tree, page.name), Params)


def made_by_dvc() -> set[str]:
    """Outputs that a fresh clone does not hold until the pipeline has run."""
    return {"reports"}


def test_every_relative_link_resolves(page):
    for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text("utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path = (page.parent / target).resolve()
        assert path.is_relative_to(ROOT), f"{page.name}: {target}"
        if path.relative_to(ROOT).parts[0] not in made_by_dvc():
            assert path.exists(), f"{page.name}: {target}"


def test_links_of_the_page_on_real_recordings_resolve():
    page = ROOT / "reports/real/README.md"
    if not page.is_file():
        pytest.skip("`make real` has not run")
    links = {link for link in re.findall(r"\]\(([^)#\s]+)\)", page.read_text("utf-8")) if not re.match("[a-z]+:", link)}
    assert not {link for link in links if not (page.parent / link).exists()}


def _affected(key: str) -> set[str]:
    """Stages that track a parameter, and all that read from them."""
    from dvc.dependency import ParamsDependency

    from thinwire.pipeline.graph import Graph

    graph = Graph.read(ROOT)
    tracked = {
        stage.name
        for stage in graph.repo.index.stages
        for dep in stage.deps
        if isinstance(dep, ParamsDependency) and any(key == name or key.startswith(f"{name}.") for name in dep.params)
    }
    return tracked | {name for name in graph.order if graph.upstream(name) & tracked}


def _matched(cell: str, names: set[str]) -> set[str]:
    found: set[str] = set()
    for part in cell.split(";"):
        wanted, _, unwanted = part.partition(" save ")
        chosen, left_out = (
            {name for pattern in re.findall(r"`([^`]+)`", text) for name in fnmatch.filter(names, pattern)}
            for text in (wanted, unwanted)
        )
        found |= chosen - left_out
    return found


def test_the_table_of_edits_names_the_stages_that_depend_on_each():
    from thinwire.pipeline.graph import Graph

    names = set(Graph.read(ROOT).order)
    rows = re.findall(r"^\| `([a-z_0-9.]+)` \| (.*@.*|.*ndpca_.*) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert len(rows) >= 3
    for key, cell in rows:
        assert _matched(cell, names) == _affected(key), key


@pytest.mark.parametrize("name", BOARDS)
def test_the_scoreboard_shown_is_the_committed_one(name):
    board = BOARDS[name]
    unchanged = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", board], cwd=ROOT).returncode == 0
    tracked = subprocess.run(["git", "ls-files", "--error-unmatch", board], cwd=ROOT, capture_output=True)
    if tracked.returncode or not unchanged:
        pytest.skip(f"{board} is not committed as it stands")
    assert around((ROOT / "README.md").read_text("utf-8"), name)[1] == shown(board)


def test_the_coder_shown_in_the_readme_imports():
    (block,) = blocks((ROOT / "README.md").read_text("utf-8"), "python")
    exec("\n".join(line for line in block.splitlines() if line.startswith(("from ", "import "))), {})


if __name__ == "__main__":
    readme = ROOT / "README.md"
    for name, board in BOARDS.items():
        head, _, tail = around(readme.read_text("utf-8"), name)
        readme.write_text(f"{head}<!-- {name} -->\n{shown(board)}<!-- /{name} -->{tail}", "utf-8")
