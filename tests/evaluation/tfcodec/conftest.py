"""A workspace with untrained tiny codecs of three kinds, measured once for all tests."""

from __future__ import annotations

import shutil
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

ROW: dict[str, Any] = {"after": "data/segments/dns", "steps": 4, "kbps": 1.0, "groups": 4, "codewords": 16}
RUNS = {
    "plain": ROW,
    "conv": ROW | {"predictor": "conv"},
    "adv": ROW | {"after": "models/plain", "adversarial": True, "groups": 3},
}
SECONDS = {"dns": 1.2, "librispeech": 0.8, "ljspeech": 0.8}
PHONES = ["AA", "S", "T", "N"]


def write_corpora(folder: Path) -> None:
    """Clean clips of a corpus each: three test talkers, and a phone every 0.1 s."""
    generator = np.random.default_rng(3)
    for corpus, seconds in SECONDS.items():
        samples = round(16_000 * seconds)
        with SegmentWriter(folder / corpus, corpus, ["mic"]) as writer:
            for split, count in {"train": 6, "dev": 3, "eval": 9}.items():
                for i in range(count):
                    clean = voice(generator, samples) * generator.uniform(0.02, 1.0)
                    phones = [
                        {"start": k / 10, "end": (k + 1) / 10, "phone": PHONES[int(generator.integers(4))]}
                        for k in range(round(seconds * 10) - 1)
                    ]
                    writer.add(clean[None], clean, segment_id=f"{corpus}-{split}-{i}", split=split, session="s",
                               speaker=f"{split}{i % 3}", start_s=0.0, end_s=seconds, phones=phones)  # fmt: skip


def write_model(params: Params, name: str) -> None:
    """models/<run> as training leaves it: the weights that training starts from, but loud enough to be heard, and
    codewords taken from latents, so that many of them are used.
    """
    from thinwire.segments import SegmentStore
    from thinwire.systems.tfcodec.tables import count_codewords
    from thinwire.training.build import DATA, MODELS, build_system
    from thinwire.training.state import save_tensors, save_weights

    model = build_system(params, name, {"samples": 19_200}, 5).deployed().eval()
    clean = torch.from_numpy(SegmentStore(DATA / "dns").load("train").clean)
    with torch.no_grad():
        coded = model.loop(model.encode_latent(clean)).x_N
        vectors = model.quantiser.vectors(coded)
        model.quantiser.set_codewords(vectors[:, :: vectors.shape[1] // 16][:, :16])
        level = model.decode(model.encode(clean), clean.shape[1]).std()
        list(model.decoder.parameters())[-1].mul_((0.1 / level) ** model.exponent)
    (MODELS / name).mkdir(parents=True)
    save_weights(MODELS / name / "model.safetensors", model)
    save_tensors(MODELS / name / "tables.safetensors", {"counts": count_codewords(model, [clean])})
    write_json(MODELS / name / "config.json", {"facts": {"samples": 19_200}})
    write_json(MODELS / name / "card.json", {"run": name, "steps": 4})


@pytest.fixture(scope="session")
def bench_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parameters, segments and models."""
    folder = tmp_path_factory.mktemp("tfcodec") / "workspace"
    folder.mkdir()
    tree = yaml.safe_load((REPOSITORY / "params.yaml").read_text("utf-8"))
    tree["systems"]["tfcodec"]["shape"] = {
        "channels": [2, 4, 4, 4, 4], "tcm_hidden": 8, "tcm_dilations": [1, 2], "latent": 12, "predictor_hidden": 6,
    }  # fmt: skip
    tree["runs"] = {"tfcodec": RUNS}
    tree["evaluation"]["tfcodec"] = {
        "items": 8, "visqol_items": 3, "plcmos_items": 2, "packet_items": 2, "loss_rates": [0.0, 0.3],
        "burst_ms": [40, 120], "burst_lost_ms": 240, "talkers": 3, "utterances": 3, "phoneme_items": 6, "shuffles": 3,
        "look_items": 1, "listen_items": 2, "classic_items": 2,
        "classic": [{"name": "opus", "kbps": 9}, {"name": "mp3", "kbps": 24}, {"name": "mp3", "kbps": 17}],
    }  # fmt: skip
    (folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False), "utf-8")
    (folder / "presets").mkdir()
    shutil.copy(REPOSITORY / "presets" / "paper.yaml", folder / "presets")
    write_corpora(folder / "data" / "segments")
    with inside(folder) as params:
        for name in RUNS:
            write_model(params, name)
    return folder


@pytest.fixture(scope="session")
def results(bench_folder: Path) -> Path:
    """results/<run> of all three."""
    from thinwire.evaluation.tfcodec.stage import evaluate

    with inside(bench_folder) as params:
        for name in RUNS:
            evaluate(params, name)
    return bench_folder / "results"
