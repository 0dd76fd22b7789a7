"""A workspace with tiny corpora and tiny networks of every system, measured once for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from tiny_workspace import REPOSITORY, inside, voice

from thinwire.artifacts import write_json
from thinwire.params import Params
from thinwire.segments import SegmentWriter

MELS, CHUNK_S = 16, 1.0
ROW: dict[str, Any] = {"after": "data/segments/universal", "data": "universal", "steps": 4}
RUNS: dict[str, dict[str, Any]] = {
    "aucom_v1": ROW | {"training": {"seeds": 2}},
    "aucom_v1_l1": ROW | {"lmbda": 1.0},
    "aucom_deepcod": ROW | {"system": "aucom_deepcod"},
    "aucom_sensing": ROW | {"system": "aucom_sensing"},
    "aucom_asr": ROW | {"system": "aucom_recogniser", "data": "librispeech", "task": "speech"},
    "aucom_emotion": ROW | {"system": "aucom_classifier", "data": "iemocap", "task": "emotion"},
    "aucom_emotion_ravdess": ROW | {"system": "aucom_classifier", "data": "ravdess", "task": "emotion"},
    "aucom_commands": ROW | {"system": "aucom_classifier", "data": "speech_commands", "task": "commands"},
    "aucom_sounds": ROW | {"system": "aucom_classifier", "data": "esc50", "task": "sounds"},
}
MEASURED = ("aucom_v1", "aucom_v1_l1", "aucom_deepcod", "aucom_sensing", "aucom_asr", "aucom_commands")
LABELS = {"iemocap": "sad", "ravdess": "calm", "speech_commands": "yes", "esc50": "rain"}
SECONDS = {"librispeech": 1.6, "ljspeech": 1.4, "iemocap": 1.2, "ravdess": 1.2, "speech_commands": 0.8, "esc50": 1.5}
SENTENCES = ["the cat", "a dog", "the dog", "go on"]


def write_corpora(folder: Path) -> None:
    """Clips of unequal duration; of every third item of speech nobody knows the words."""
    generator = np.random.default_rng(5)
    for corpus, seconds in SECONDS.items():
        samples = round(16_000 * seconds)
        with SegmentWriter(folder / corpus, corpus, ["mono"]) as writer:
            for split, count in {"train": 6, "dev": 3, "eval": 9}.items():
                for i in range(count):
                    end = seconds * (1.0 - 0.1 * (i % 4))
                    clean = voice(generator, samples) * generator.uniform(0.05, 1.0)
                    clean[round(16_000 * end) :] = 0.0
                    label = LABELS.get(corpus, "")
                    said = {"label": label if i % 2 else f"un{label}"} if label else {
                        "words": "" if i % 3 == 2 else SENTENCES[i % 4]}  # fmt: skip
                    writer.add(clean[None], clean, segment_id=f"{corpus}-{split}-{i}", split=split, session="s",
                               speaker=f"{split}{i % 3}", start_s=2.0, end_s=2.0 + end, **said)  # fmt: skip
    with SegmentWriter(folder / "universal", "universal", ["mono"]) as writer:
        for split, count in {"train": 24, "dev": 8, "eval": 8}.items():
            for i in range(count):
                clean = voice(generator, round(16_000 * CHUNK_S)) * generator.uniform(0.05, 1.0)
                writer.add(clean[None], clean, segment_id=f"u-{split}-{i}", split=split, session="s", speaker="",
                           start_s=0.0, end_s=CHUNK_S)  # fmt: skip


def write_model(params: Params, name: str, number: int = 0) -> None:
    """models/<run> as training leaves it; codecs have learned for a moment, so that coarser steps lose more."""
    from thinwire.seeding import derive_seed
    from thinwire.training.build import adapter_of, build_system, load_splits, model_folder
    from thinwire.training.state import save_tensors, save_weights

    splits = load_splits(params, name)
    system = build_system(params, name, splits.facts, 5 + number)
    adapter = adapter_of(params.run(name).system)
    adapter.fit(system, splits)
    if params.run(name).system == "aucom_codec":
        optimizer = torch.optim.Adam(system.parameters(), 5e-3)
        for step in range(120):
            generator = torch.Generator().manual_seed(derive_seed(3, step))
            loss = system.total(system({"clean": splits.train.tensors["clean"][step % 2 :: 2]}, generator))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    folder = model_folder(name, number)
    folder.mkdir(parents=True)
    for file, tensors in adapter.derived(system.eval(), splits.train).items():
        save_tensors(folder / f"{file}.safetensors", tensors)
    save_weights(folder / "model.safetensors", system.deployed())
    write_json(folder / "config.json", {"facts": splits.facts})
    write_json(folder / "card.json", {"run": name, "steps": 4})


@pytest.fixture(scope="session")
def bench_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parameters, segments and models."""
    folder = tmp_path_factory.mktemp("aucom") / "workspace"
    folder.mkdir()
    tree = yaml.safe_load((REPOSITORY / "params.yaml").read_text("utf-8"))
    spectrum = {"spectrum": {"n_mels": MELS}}
    compared = spectrum | {"chunk_s": CHUNK_S, "crop_s": 0.4, "taus": [0.5, 2.0]}
    tree["systems"] |= {
        "aucom_codec": spectrum | {"chunk_s": CHUNK_S, "crop_s": 0.8, "channels": 6, "lmbda": 16.0,
                                   "taus": [1.0, 2.0, 3.0, 8.0]},
        "aucom_deepcod": compared | {"width": 4, "blocks": 1, "heads": 1},
        "aucom_sensing": compared | {"measurements": [6, 24], "stages": 1, "width": 2},
        "aucom_recogniser": spectrum | {"channels": 2, "hidden": 8, "layers": 1},
        "aucom_classifier": spectrum | {"channels": [2, 4], "width": 8},
    }  # fmt: skip
    tree["runs"] = {"aucom": RUNS}
    tree["evaluation"]["aucom"] = {"task_items": 5, "sphinx_items": 1, "look_items": 2, "listen_items": 3}
    (folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False), "utf-8")
    write_corpora(folder / "data" / "segments")
    with inside(folder) as params:
        for name in RUNS:
            for number in range(params.training_of(name).seeds):
                write_model(params, name, number)
    return folder


@pytest.fixture
def bench_params(bench_folder: Path) -> Iterator[Params]:
    """The workspace's parameters; tests run inside it."""
    with inside(bench_folder) as params:
        yield params


@pytest.fixture(scope="session")
def results(bench_folder: Path) -> Path:
    """results/<run> of the runs in MEASURED."""
    from thinwire.evaluation.aucom.stage import evaluate

    with inside(bench_folder) as params:
        for name in MEASURED:
            evaluate(params, name)
    return bench_folder / "results"
