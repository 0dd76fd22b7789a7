"""Sources and executed notebooks: equal bytes, strict parameters, failures in one line, pages that need no network."""

from __future__ import annotations

import json
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from thinwire.errors import PipelineError
from thinwire.pipeline.html import draw_formulas, formula_image
from thinwire.pipeline.nbrun import execute
from thinwire.pipeline.sources import clean, strip_in_place, write_sources

CELLS = [
    "import os, sys, warnings\nprint('one', flush=True); print('two'); print('noise', file=sys.stderr)",
    "warnings.warn('where?'); print(object(), os.getcwd())",
    "import ipywidgets\nipywidgets.IntSlider()",
    "from IPython.display import HTML\nHTML(f'<b>{interactive} {width}</b>')",
    "object()",
]


def _write(path, *cells, outputs=False):
    notebook = new_notebook(cells=list(cells))
    if outputs:
        for cell in notebook.cells:
            cell.metadata["collapsed"] = True
            if cell.cell_type == "code":
                cell.execution_count = 7
                cell.outputs = [nbformat.v4.new_output("stream", text="left over")]
        notebook.cells.append(new_code_cell(""))
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("JUPYTER_PREFER_ENV_PATH", "JUPYTER_PLATFORM_DIRS", "IPYTHONDIR", "PYTHONHASHSEED"):
        monkeypatch.setenv(name, "")  # `execute` sets them for its kernel: put back afterwards
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def figure(workplace):
    parameters = new_code_cell("interactive = True\nwidth = 1", metadata={"tags": ["parameters"]})
    head = new_markdown_cell("# Claim\nWith $R = \\frac{1}{2}\\log_2 x$ and `$code$`.")
    _write(workplace / "notebooks/p/fig.ipynb", head, parameters, *(new_code_cell(text) for text in CELLS))
    write_sources()
    return workplace


def test_two_executions_give_equal_bytes_and_say_nothing_of_the_machine(figure):
    made = execute("p/fig", {"width": 3})
    first = (made.notebook.read_bytes(), made.page.read_bytes())
    assert execute("p/fig", {"width": 3}) == made
    assert (made.notebook.read_bytes(), made.page.read_bytes()) == first
    text = first[0].decode()
    notebook = json.loads(text)
    printed = json.dumps([cell.get("outputs") for cell in notebook["cells"]])
    assert "0x" not in printed and str(figure) not in printed and "noise" not in printed and "widget" not in printed
    assert [cell["id"] for cell in notebook["cells"]] == [f"cell-{i:03d}" for i in range(len(notebook["cells"]))]
    assert notebook["metadata"]["kernelspec"]["name"] == "python3" and "papermill" not in notebook["metadata"]
    assert "<b>False 3</b>" in text and "one\\n" in text and "`notebooks/p/fig.ipynb`" in text
    assert not re.search(rb"(src|href)=[\"']?(https?:)?//", first[1]) and b"<script" not in first[1]
    assert b'alt="R = \\frac{1}{2}' in first[1] and b"$code$" in first[1]


def test_an_undeclared_parameter_fails(figure):
    with pytest.raises(PipelineError, match=r"declares no parameter `wdith`; its parameters are interactive, width"):
        execute("p/fig", {"wdith": 3})


def test_a_failing_notebook_is_named_with_cell_and_error_and_leaves_no_report(workplace):
    fails = new_code_cell("y = x\nraise ValueError('no\\nwords')")
    drawn = """
x = 1
from pathlib import Path
for place in ("figures/p/bad/a.png", "tables/p/bad/a.csv", "verdicts/p/bad.json"):
    path = Path("reports", place)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")"""
    _write(workplace / "notebooks/p/bad.ipynb", new_code_cell(drawn), fails)
    write_sources()
    other = workplace / "reports/figures/p/other/a.png"
    other.parent.mkdir(parents=True)
    other.touch()
    message = r"p/bad.ipynb: cell 1 \(y = x\): ValueError: no; .*build/failed/p/bad.ipynb"
    with pytest.raises(PipelineError, match=message):
        execute("p/bad")
    assert (workplace / "build/failed/p/bad.ipynb").exists()
    assert [path for path in workplace.glob("reports/**/*") if path.is_file()] == [other]


def test_saving_a_notebook_in_an_editor_changes_no_copy(workplace):
    cell = "a = 1"
    _write(workplace / "notebooks/p/x.ipynb", new_markdown_cell("t"), new_code_cell(cell))
    assert write_sources() == 1
    before = (workplace / "build/notebooks/p/x.ipynb").read_bytes()
    _write(workplace / "notebooks/p/x.ipynb", new_markdown_cell("t"), new_code_cell(cell), outputs=True)
    (workplace / "notebooks/p/.ipynb_checkpoints").mkdir()
    write_sources()
    assert (workplace / "build/notebooks/p/x.ipynb").read_bytes() == before
    assert len(strip_in_place()) == 1 and strip_in_place() == []


def test_bad_notebooks_are_named_with_their_line(workplace):
    (workplace / "notebooks/p").mkdir(parents=True)
    cases = {'{\n"cells": [}': "line 2: not JSON", "[1]": "not a notebook", '{"a": 1}': "not a notebook"}
    for text, message in cases.items():
        (workplace / "notebooks/p/x.ipynb").write_text(text)
        with pytest.raises(PipelineError, match=f"notebooks/p/x.ipynb: .*{message}"):
            write_sources()
        assert not (workplace / "build/notebooks").exists()
    with pytest.raises(PipelineError, match="no such notebook"):
        execute("p/nix")
    with pytest.raises(PipelineError, match="write <paper>/<name>"):
        execute("../p/x")


def test_formulas_outside_code_are_drawn_and_unknown_ones_stay():
    text = draw_formulas("`$a$` and $b$, 5$ or 6$, $\\nosuchcommand{x}$\n```\n$c$\n```")
    assert text.count("<img") == 1 and "`$a$`" in text and "$c$" in text and "\\nosuchcommand" in text
    assert formula_image("x^2", True) == formula_image("x^2", True)


def test_source_notebooks_in_git_are_clean(root):
    for path in sorted((root / "notebooks").glob("*/*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        stripped = nbformat.writes(clean(notebook)) + "\n"
        assert stripped == path.read_text("utf-8"), f"{path}: run `thinwire sources --in-place`"
