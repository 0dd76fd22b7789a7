"""Execute a notebook by papermill into a copy whose bytes depend on its code and inputs alone, and an HTML page."""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from thinwire.artifacts import atomic_path
from thinwire.errors import PipelineError
from thinwire.pipeline.html import to_html
from thinwire.pipeline.sources import COPIES, SOURCES, read_notebook, tidy

REPORTS = Path("reports")
EXECUTED = REPORTS / "notebooks"
FAILED = Path("build/failed")
# What differs between two equal runs inside the text of an output, and what stands there instead. A part of each
# pattern is looked for first: in the many letters of an embedded sound the second pattern alone takes half a minute.
UNSTABLE = (
    (" at 0x", re.compile(r" at 0x[0-9a-fA-F]{4,}"), ""),
    ("/ipykernel_", re.compile(r"/[^\s'\"]*/ipykernel_\d+/\d+\.py"), "<cell>"),
)
ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Executed:
    """The two files an executed notebook leaves."""

    notebook: Path
    page: Path


def _stable_text(text: str) -> str:
    for part, pattern, replacement in UNSTABLE:
        if part in text:
            text = pattern.sub(replacement, text)
    here = str(Path.cwd())  # no machine's paths in a report
    return text.replace(here + os.sep, "").replace(here, ".")


def _canonical_outputs(outputs: list[Any]) -> list[Any]:
    """Outputs without stderr, widgets and addresses; stdout in one piece, for how it is cut depends on timing."""
    kept: list[Any] = []
    for output in outputs:
        if output.output_type == "stream":
            if output.name == "stderr":
                continue
            output.text = _stable_text(output.text)
            if kept and kept[-1].output_type == "stream":
                kept[-1].text += output.text
                continue
        elif "data" in output:
            if any("jupyter.widget" in mime for mime in output.data):
                continue
            for mime, value in output.data.items():
                if mime.startswith("text/") and isinstance(value, str):
                    output.data[mime] = _stable_text(value)
        kept.append(output)
    return kept


def canonicalise(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Strip, in place, all that differs between two equal runs: times, ids, addresses, stderr, widget state."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = _canonical_outputs(cell.outputs)
    return tidy(notebook)


def _banner(source: Path) -> nbformat.NotebookNode:
    text = f"Executed copy of `{source}`, made and replaced by `dvc repro`: write into the original, not here."
    return nbformat.v4.new_markdown_cell(f"*{text}*")


def _prepare_kernel(scratch: str) -> None:
    """Settle what a kernel inherits: this interpreter, no personal IPython profile, one hash seed, no colour codes."""
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # else a `python3` kernel in the home folder would win
    os.environ["JUPYTER_PLATFORM_DIRS"] = "1"
    os.environ["IPYTHONDIR"] = scratch
    os.environ["PYTHONHASHSEED"] = "0"
    logging.getLogger("papermill").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"(zmq|traitlets|nbclient|papermill|jupyter_client).*")


def _check_parameters(source: Path, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The values to inject; raises PipelineError for one the notebook does not declare (papermill would only warn)."""
    import papermill

    declared = papermill.inspect_notebook(str(source))
    unknown = [name for name in parameters if name not in declared]
    if unknown:
        there = ", ".join(declared) or "none (no cell is tagged `parameters`)"
        raise PipelineError(f"{source}: declares no parameter `{unknown[0]}`; its parameters are {there}")
    return ({"interactive": False} if "interactive" in declared else {}) | dict(parameters)


def execute(name: str, parameters: Mapping[str, Any] | None = None) -> Executed:
    """Execute `build/notebooks/<paper>/<name>.ipynb` from the repository's root into `reports/notebooks/`.

    Args: `name` is `<paper>/<name>`; `parameters` replace those of the notebook's `parameters` cell, and `interactive`
    becomes False where it is declared. Raises PipelineError naming notebook, cell and error; the copy that failed is
    kept in `build/failed/`, and nothing of the notebook is left in `reports/`.
    """
    name = name.removesuffix(".ipynb")
    if not re.fullmatch(r"\w+/[\w-]+", name):
        raise PipelineError(f"notebook {name}: write <paper>/<name>, as below {SOURCES}/")
    source, original = COPIES / f"{name}.ipynb", SOURCES / f"{name}.ipynb"
    if not source.exists() and original.exists():
        raise PipelineError(f"{source}: not there; run `dvc repro sources`")
    read_notebook(source)
    with tempfile.TemporaryDirectory() as scratch:
        _prepare_kernel(scratch)
        raw = Path(scratch) / "executed.ipynb"
        values = _check_parameters(source, parameters or {})
        try:
            _run(source, raw, values, FAILED / f"{name}.ipynb", str(Path(scratch) / "k"))
        except PipelineError:
            discard(name)
            raise
        notebook = canonicalise(read_notebook(raw))
    notebook.cells.insert(0, _banner(original))
    tidy(notebook)
    made = Executed(EXECUTED / f"{name}.ipynb", EXECUTED / f"{name}.html")
    page = to_html(notebook, title=name)
    with atomic_path(made.notebook) as temporary:
        nbformat.write(notebook, temporary)
    with atomic_path(made.page) as temporary:
        temporary.write_text(page, "utf-8")
    (FAILED / f"{name}.ipynb").unlink(missing_ok=True)
    return made


def discard(name: str) -> None:
    """Remove figures, tables and verdicts that a notebook wrote before it failed: they may be some of old and new."""
    for kind in ("figures", "tables"):
        shutil.rmtree(REPORTS / kind / name, ignore_errors=True)
    (REPORTS / "verdicts" / f"{name}.json").unlink(missing_ok=True)


def _run(source: Path, target: Path, parameters: dict[str, Any], failed: Path, sockets: str) -> None:
    import papermill
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient.exceptions import DeadKernelError
    from traitlets.config import Config

    try:
        papermill.execute_notebook(
            source, target, parameters, kernel_name="python3", progress_bar=sys.stderr.isatty(), record_timing=False,
            request_save_on_cell_execute=False, autosave_cell_every=0, extra_arguments=["--log-level=CRITICAL"],
            # No ports, so no network is needed; sockets of its own, for two kernels that start in one folder at once
            # would take the same; and patience with a busy machine.
            config=Config(KernelManager={"transport": "ipc", "ip": sockets}), start_timeout=300,
        )  # fmt: skip
        return
    except papermill.PapermillExecutionError as error:
        what = f"cell {error.cell_index} ({_first_line(error.source)}): {error.ename}: {_first_line(error.evalue)}"
    except DeadKernelError:
        what = "its kernel died (out of memory?)"
    except NoSuchKernel:
        what = "this environment has no Jupyter kernel; run `make clean-env` and `make repro`"
    kept = ""
    if target.exists():
        with atomic_path(failed) as temporary:
            temporary.write_bytes(target.read_bytes())
        kept = f"; as far as it went it stands in {failed}"
    raise PipelineError(f"{source}: {what}{kept}")


def _first_line(text: str) -> str:
    lines = ANSI.sub("", str(text)).strip().splitlines()
    return lines[0].strip() if lines else ""
