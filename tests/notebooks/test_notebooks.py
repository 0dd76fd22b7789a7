"""Every notebook runs on results of the agreed shapes and leaves figures, tables and verdicts; its source is clean."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import yaml
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

from thinwire.claims import load_claims, read_verdicts

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
NAMES = sorted(path.relative_to(NOTEBOOKS).with_suffix("").as_posix() for path in NOTEBOOKS.glob("*/*.ipynb"))
NDPCA = {
    "allocation": (["by_bandwidth", "by_scene", "share_by_snr"], ["by_bandwidth", "by_scene", "share_by_snr"]),
    "bits": (["psnr_vs_kbps", "floats_vs_bits", "players"], ["rates"]),
    "capacity": (["capacity_and_budget", "rate_distortion"], ["trace", "quantiser", "summary"]),
    "convergence": (["convergence", "named_losses"], ["curves", "table1", "table2", "table3", "table4"]),
    "look_inside": (["chain", "latents", "budgets", "directions"], ["settings", "items"]),
    "psnr_vs_bandwidth": (
        ["psnr_vs_bandwidth", "ratio_to_joint", "targets", "representations", "waveforms"],
        ["psnr", "ratio_to_joint", "single_model", "targets", "gains", "representations", "waveforms"],
    ),
    "rate_distortion_perception": (["distortion_vs_bandwidth", "realism_vs_distortion"], ["sweep"]),
    "room": (["room"], ["places", "counts"]),
    "spectrograms": (["clean_noisy", "surface"], ["items", "summary"]),
    "system": (["system", "training"], ["parts"]),
}
TFCODEC = {
    "adversarial": (
        ["table5", "detail", "game"],
        ["table5", "contradiction", "feature_matching", "discriminator"],
    ),
    "bitrates": (["rates", "bits_per_step", "bit_use"], ["table1", "bits_per_step"]),
    "codebooks": (["usage", "all_codebooks"], ["codebooks"]),
    "complexity": (["sizes", "delay", "speed"], ["sizes", "delay", "speed", "settings"]),
    "input_compression": (["table3", "by_item", "compression"], ["table3", "first_stage", "powers"]),
    "packet_loss": (["loss_rate", "bursts", "energy", "players"], ["loss_rate", "bursts", "energy"]),
    "phonemes": (["cooccurrence", "information", "maps"], ["information", "likeness"]),
    "prediction": (["table2", "features", "numbers"], ["table2", "features"]),
    "quality": (["quality", "comparisons", "players"], ["quality", "comparisons", "unavailable"]),
    "quantiser": (["table4", "by_item", "rates"], ["table4", "rates"]),
    "rate_control": (["training", "power_vs_rate", "compression"], ["training"]),
    "speakers": (["prediction", "rates", "by_rate"], ["speakers"]),
}
AUCOM = {
    "complexity": (["table3"], ["table3", "sizes", "resampling", "settings"]),
    "enhance_first": (["word_errors", "saved", "gate"], ["word_errors", "saved", "gate"]),
    "enhancement": (
        ["table1", "gains", "anti_wrapping", "players"],
        ["table1", "gains", "sensitivity", "anti_wrapping", "loss_weights"],
    ),
    "entropy_coders": (["table2", "hidden"], ["table2", "hidden", "equal", "speed"]),
    "latency": (["edge", "parts"], ["edge", "parts", "coders", "phones", "energy", "arithmetic"]),
    "latents": (
        ["densities", "positions", "shapes", "normalisation", "lengths"],
        ["shapes", "normalisation", "lengths"],
    ),
    "look_inside": (["path", "enhancer", "chain", "taus", "tables", "players"], ["modules", "items"]),
    "rate_distortion": (
        ["lambda", "tau", "systems", "cumulatives"],
        ["lambda", "loss", "systems", "cumulatives", "noise"],
    ),
    "recognition": (["word_errors", "added_errors"], ["points", "budgets", "paper", "unavailable"]),
    "spectrograms": (["spectrograms", "kept", "players"], ["kept"]),
    "task_quality": (["quality", "losses"], ["quality", "versions", "paper"]),
    "transmission": (
        ["links", "uplinks", "losses"],
        ["links", "leads", "losses", "clocks", "sustained", "ratio", "mp3_saving", "flac", "arithmetic"],
    ),
}
NEURAL_DSC = {
    "flipped_bits": (["errors", "handicaps", "limit", "blocks"], ["errors", "excess", "reach", "blocks"]),
    "forms": (["grid", "gains", "pictures", "players"], ["points", "gains"]),
    "gradients": (["errors", "curves", "gradient"], ["errors", "spending", "curves"]),
    "look_inside": (
        ["architecture", "codebook", "attention", "item", "item_speech", "players"],
        ["architecture", "codebook", "attention", "items"],
    ),
    "parameters": (["parts", "forms"], ["parts", "forms"]),
    "prior": (["saved", "ideal", "where"], ["rates"]),
    "problem": (["forms", "toy", "slack"], ["forms", "toy", "decoding", "slack"]),
    "speech": (
        ["quality", "total_rate", "same_target", "players"],
        [
            "quality",
            "equal_rates",
            "separate_rate",
            "two_streams",
            "backgrounds",
            "ndpca_gains",
            "comparable",
            "same_target",
            "recorded",
        ],
    ),
    "stereo": (["curves", "pairs"], ["points", "published"]),
    "wrong_side_information": (
        ["errors", "pictures", "speech", "heard_as", "changes", "players"],
        ["errors", "bits", "heard_as", "changes"],
    ),
}
EXPECTED = {
    f"{paper}/{name}": what
    for paper, notebooks in (("ndpca", NDPCA), ("tfcodec", TFCODEC), ("aucom", AUCOM), ("neural_dsc", NEURAL_DSC))
    for name, what in notebooks.items()
}


@pytest.fixture(scope="module")
def kernel(workspace: Path) -> Iterator[KernelManager]:
    """One kernel for all notebooks, emptied in between: starting one and importing takes longer than most notebooks."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(workspace))
    yield manager
    manager.shutdown_kernel(now=True)


def execute(path: Path, kernel: KernelManager, **values: object) -> nbformat.NotebookNode:
    """Run a notebook as papermill would, with values after its parameters cell."""
    notebook = nbformat.read(path, 4)
    place = next(k for k, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", []))
    text = "\n".join(f"{name} = {value!r}" for name, value in values.items())
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(text))
    notebook.cells.insert(0, nbformat.v4.new_code_cell("%reset -f"))
    return NotebookClient(notebook, km=kernel, timeout=120).execute()


@pytest.fixture(scope="module")
def executed(kernel: KernelManager) -> Callable[[str], nbformat.NotebookNode]:
    """Any notebook as the pipeline executes it; each is run once."""

    @functools.cache
    def run(name: str) -> nbformat.NotebookNode:
        return execute(NOTEBOOKS / f"{name}.ipynb", kernel, interactive=False)

    return run


def test_all_are_there() -> None:
    assert set(NAMES) == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_leaves_what_it_promises(name: str, executed: Callable, workspace: Path) -> None:
    executed(name)
    figures, tables = EXPECTED[name]
    paper, notebook = name.split("/")
    reports = workspace / "reports"
    assert {path.stem for path in (reports / "figures" / name).glob("*.png")} == set(figures)
    assert {path.stem for path in (reports / "tables" / name).glob("*.csv")} == set(tables)
    assert all(len(pd.read_csv(reports / "tables" / name / f"{table}.csv")) for table in tables)
    judged = read_verdicts(reports / "verdicts" / f"{name}.json")
    assert set(judged) == {claim.id for claim in load_claims(paper, workspace).values() if claim.notebook == notebook}
    for verdict in judged.values():
        assert all((workspace / path).is_file() for path in verdict.evidence), verdict.evidence


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_every_figure_is_in_the_executed_copy(name: str, executed: Callable) -> None:
    outputs = [output for cell in executed(name).cells for output in cell.get("outputs", [])]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == len(EXPECTED[name][0])
    assert not [output for output in outputs if "widget" in str(output.get("data", {}).keys())]


@pytest.mark.parametrize("name", [*NAMES, "watch"])
def test_source_is_short_and_clean(name: str) -> None:
    notebook = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text("utf-8"))
    cells = notebook["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert len(cells) < 12
    assert [cell["id"] for cell in cells] == [f"cell-{k:03d}" for k in range(len(cells))]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells if cell["cell_type"] == "code")
    assert [cell["metadata"] for cell in cells if cell["metadata"]] == [{"tags": ["parameters"]}]
    assert all("class " not in text and "glob" not in text and len(text.splitlines()) <= 16 for text in code)
    assert "".join(cells[0]["source"]).startswith("# ")


@pytest.mark.parametrize("name", ["ndpca/allocation", "tfcodec/bitrates"])
def test_equal_bytes_twice(name: str, executed: Callable, kernel: KernelManager, workspace: Path) -> None:
    executed(name)
    folder = workspace / "reports" / "figures" / name
    before = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    execute(NOTEBOOKS / f"{name}.ipynb", kernel, interactive=False)
    assert before == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_quality_writes_a_listening_test(executed: Callable, workspace: Path) -> None:
    executed("tfcodec/quality")
    folder = workspace / "reports" / "listening_test" / "tfcodec"
    _, _, (order, *trials), _ = yaml.safe_load((folder / "configs" / "tfcodec.yaml").read_text("utf-8"))["pages"]
    assert order == "random"
    for trial in trials:
        assert {"anchor35", "tf_1k_adv", "opus_9"} <= set(trial["stimuli"])
        assert all((folder / path).is_file() for path in (trial["reference"], *trial["stimuli"].values()))


@pytest.mark.parametrize("name", ["ndpca/allocation", "ndpca/capacity", "tfcodec/packet_loss"])
def test_widgets_in_lab(name: str, kernel: KernelManager) -> None:
    notebook = execute(NOTEBOOKS / f"{name}.ipynb", kernel, interactive=True, out="lab")
    kinds = [kind for cell in notebook.cells for output in cell.get("outputs", []) for kind in output.get("data", {})]
    assert "application/vnd.jupyter.widget-view+json" in kinds


def test_watch_draws_a_run_that_goes_on(kernel: KernelManager, workspace: Path) -> None:
    going = workspace / "resume" / "e1_agnostic-0123456789abcdef"
    going.mkdir(parents=True, exist_ok=True)
    (going / "curves.tsv").write_text(
        "step\tsplit\ttotal\tmse\n0\tdev\t1.0\t1.0\n50\ttrain\t0.5\t0.5\n50\tdev\t0.6\t0.6\n"
    )
    notebook = execute(NOTEBOOKS / "watch.ipynb", kernel, run="e1_agnostic", redraws=1, interactive=False)
    assert any("image/png" in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", []))
