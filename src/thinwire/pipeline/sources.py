"""Clean copies of the notebooks: figure stages depend on these, so saving a notebook in JupyterLab reruns nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat

from thinwire.artifacts import atomic_path
from thinwire.errors import PipelineError

SOURCES = Path("notebooks")
COPIES = Path("build/notebooks")
KERNELSPEC = {"display_name": "Python 3 (thinwire)", "language": "python", "name": "python3"}
KEPT_METADATA = ("tags", "jupyter")  # of a cell; everything else is an editor's or a run's


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """Read a notebook as version 4; raises PipelineError naming file and line when it is missing or not a notebook."""
    try:
        text = path.read_text("utf-8")
        json.loads(text)  # for a message with the line; nbformat's own has none
        return nbformat.reads(text, as_version=4)
    except FileNotFoundError as error:
        raise PipelineError(f"{path}: no such notebook; `ls {SOURCES}/*` shows what there is") from error
    except json.JSONDecodeError as error:
        text = f"{path}: line {error.lineno}: not JSON ({error.msg}); restore it with `git checkout {path}`"
        raise PipelineError(text) from error
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, AttributeError, KeyError, TypeError) as error:
        raise PipelineError(f"{path}: JSON, but not a notebook; restore it with `git checkout {path}`") from error


def tidy(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Give a notebook numbered ids, allow-listed metadata and the project's kernel, in place; its outputs stay."""
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:03d}"
        cell.metadata = nbformat.from_dict({key: cell.metadata[key] for key in KEPT_METADATA if cell.metadata.get(key)})
    metadata: dict[str, Any] = {"kernelspec": KERNELSPEC, "language_info": {"name": "python"}}
    notebook.metadata = nbformat.from_dict(metadata)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def clean(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Drop all that a run or an editor leaves: outputs, counts, attachments of state, empty cells, random ids."""
    notebook.cells = [cell for cell in notebook.cells if cell.source.strip()]
    for cell in notebook.cells:
        cell.source = cell.source.rstrip("\n")
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return tidy(notebook)


def find_notebooks(folder: Path = SOURCES) -> list[Path]:
    """The notebooks `<paper>/<name>.ipynb` below a folder, sorted; raises PipelineError when there is none."""
    found = sorted(path for path in folder.glob("*/*.ipynb") if not path.parent.name.startswith("."))
    if not found:
        raise PipelineError(f"{folder}: holds no <paper>/<name>.ipynb; run the command in the repository's root")
    return found


def write_sources(folder: Path = SOURCES, target: Path = COPIES) -> int:
    """Write the clean copy of every notebook into `target` (whole or not at all) and return their number."""
    notebooks = {path.relative_to(folder): clean(read_notebook(path)) for path in find_notebooks(folder)}
    with atomic_path(target, directory=True) as temporary:
        for relative, notebook in notebooks.items():
            (temporary / relative.parent).mkdir(exist_ok=True)
            nbformat.write(notebook, temporary / relative)
    return len(notebooks)


def strip_in_place(folder: Path = SOURCES) -> list[Path]:
    """Replace each notebook that is not clean by its clean copy, for git; returns those that were changed."""
    changed = []
    for path in find_notebooks(folder):
        text = nbformat.writes(clean(read_notebook(path))) + "\n"
        if text != path.read_text("utf-8"):
            with atomic_path(path) as temporary:
                temporary.write_text(text, "utf-8")
            changed.append(path)
    return changed
