"""The conditional VQ-VAE and its prior through the training stage, on items of a stub domain, up to bytes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from tiny_workspace import inside, train_in

from thinwire.errors import ParamError
from thinwire.params import Params
from thinwire.params.neural_dsc import NdscRow
from thinwire.training import adapters
from thinwire.training.adapters import neural_dsc, neural_dsc_prior
from thinwire.training.build import Splits, load_splits
from thinwire.training.loop import TensorData
from thinwire.training.state import load_tensors

SYSTEMS: dict[str, Any] = {
    "neural_dsc": {
        "conv": {"width": 2, "code_dim": 3},
        "dense": {"hidden": 12, "code_dim": 2, "gradient_latents": 5, "bits_latents": 9},
        "training": {"batch": 8, "lr": 0.01, "clip": 10.0, "ema": 0.0},
    },
    "neural_dsc_prior": {"dim": 8, "blocks": 1, "heads": 2, "dff": 12, "training": {"batch": 8, "lr": 0.01}},
}
SHAPES: dict[str, tuple[int, ...]] = {"stereo": (3, 16, 16), "mel": (1, 16, 16), "gradients": (31,), "bits": (27,)}


def rows() -> dict[str, Any]:
    table: dict[str, Any] = {}
    for domain in SHAPES:
        common = {"data": domain, "steps": 12, "after": f"data/segments/{domain}"}
        table[domain] = common | {"domain": domain, "bits": 1 if domain == "bits" else 3, "downsample": 4}
        table[f"{domain}_prior"] = common | {"system": "neural_dsc_prior", "after": f"models/{domain}"}
    return table


def items(domain: str, count: int, seed: int) -> TensorData:
    draw = torch.Generator().manual_seed(seed)
    shape = (count, *SHAPES[domain])
    x = torch.randn(shape, generator=draw).cumsum(-1) / 20.0
    y = x + 0.02 * torch.randn(shape, generator=draw)
    if domain == "bits":
        x, y = (x > 0).float(), (y > 0).float()
    step = {"step": torch.rand(count, generator=draw)} if domain == "gradients" else {}
    return TensorData({"x": x, "y": y} | step)


def load_stub(params: Params, run: NdscRow, folders: list[Path]) -> Splits:
    assert folders == [Path("data/segments") / run.data]
    return Splits(items(run.domain, 24, 0), items(run.domain, 8, 1), {}, {"session": ["one"]}, 1.0)


@pytest.fixture
def folder(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a codec and a prior of four domains, whose items are stubs."""
    for kind in ("images", "speech", "gradients", "bits"):
        name = f"thinwire.training.adapters.ndsc_{kind}"
        stub = ModuleType(name)
        stub.load = load_stub  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, name, stub)
        monkeypatch.setattr(adapters, f"ndsc_{kind}", stub, raising=False)
    write(workspace, rows())
    return workspace


def write(folder: Path, table: dict[str, Any]) -> None:
    tree = yaml.safe_load((folder / "params.yaml").read_text("utf-8"))
    tree["systems"] |= SYSTEMS
    tree["runs"] = {"neural_dsc": table}
    (folder / "params.yaml").write_text(yaml.safe_dump(tree), "utf-8")


@pytest.mark.parametrize("domain", list(SHAPES))
def test_codec_and_prior_from_the_stage_to_bytes(folder: Path, domain: str) -> None:
    model_folder = train_in(folder, domain)
    train_in(folder, f"{domain}_prior")
    with inside(folder) as params:
        coder, plain = (neural_dsc_prior.load_coder(params, domain, prior) for prior in (f"{domain}_prior", None))
        counts, splits = neural_dsc.load_counts(domain), load_splits(params, domain)
    train = splits.train.tensors
    assert set(train) == {"clean", "y"} | ({"step"} if domain == "gradients" else set())
    model = coder.model
    indices = neural_dsc.encode_items(model, splits.train)
    flat = indices.flatten(1) if model.dense else indices.reshape(-1, 1)
    expected = np.stack([np.bincount(column, minlength=model.codewords) for column in flat.T.numpy()])
    assert np.array_equal(counts.numpy(), expected)
    step = float(train["step"][0]) if domain == "gradients" else None
    for codec in (coder, plain):
        data = codec.encode(train["clean"][0], train["y"][0], step, item="train-0")
        x_hat = codec.decode(data, train["y"][0], step, item="train-0")
        assert x_hat.shape == SHAPES[domain] and x_hat.isfinite().all()
        (rates,) = codec.rates(indices[:1], counts, "train-0")
        assert rates.payload_bytes + rates.header_bytes == len(data)
    curves = [line.split("\t") for line in (model_folder / "curves.tsv").read_text().splitlines()]
    distortion = {"gradients": "sse", "bits": "bce"}.get(domain, "mse")
    assert {"total", "commitment", "perplexity", distortion} <= set(curves[0])
    config = json.loads((model_folder / "config.json").read_text())
    assert [config["facts"][f"size{i}"] for i in range(len(SHAPES[domain]))] == list(SHAPES[domain])


def test_a_trained_model_has_seen_its_codebook_and_statistics(folder: Path) -> None:
    tensors = load_tensors(train_in(folder, "mel") / "model.safetensors")
    x = items("mel", 24, 0).tensors["x"]
    assert tensors["mean"][0, :, 0].allclose(x.mean((0, 1, 3)), atol=1e-5)
    assert (tensors["quantiser.count"] > 0).all() and tensors["quantiser.codebook"].unique(dim=0).shape[0] > 1


def test_a_prior_needs_its_codec(folder: Path) -> None:
    table = rows()
    table["mel_prior"]["after"] = "models/stereo_prior"
    table["stereo_prior"]["data"] = "mel"
    write(folder, table)
    with inside(folder) as params:
        with pytest.raises(ParamError, match=r"neural_dsc.mel_prior.after: stereo_prior is a neural_dsc_prior"):
            load_splits(params, "mel_prior")
        with pytest.raises(ParamError, match=r"stereo_prior.data: mel, but its codec stereo learns on stereo"):
            load_splits(params, "stereo_prior")
        with pytest.raises(ParamError, match="gradients_prior comes after gradients, not after bits"):
            neural_dsc_prior.load_coder(params, "bits", "gradients_prior")


def test_rows_say_what_belongs_to_them(folder: Path) -> None:
    for change, message in (
        ({"stereo": {"domain": None}}, "a codec's row needs its `domain`"),
        ({"stereo_prior": {"bits": 4}}, "`bits` is said by the codec's row"),
        ({"stereo_prior": {"after": "data/segments/stereo"}}, "needs `after: models/<codec row>`"),
        ({"stereo": {"bits": 11}}, "bits"),
    ):
        table = rows()
        for name, fields in change.items():
            table[name] = {key: value for key, value in (table[name] | fields).items() if value is not None}
        write(folder, table)
        with pytest.raises(ParamError, match=message), inside(folder):
            pass


def test_items_that_do_not_match(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unequal(params: Params, run: NdscRow, folders: list[Path]) -> Splits:
        splits = load_stub(params, run, folders)
        splits.dev.tensors["y"] = splits.dev.tensors["y"][..., :8]
        return splits

    monkeypatch.setattr(sys.modules["thinwire.training.adapters.ndsc_images"], "load", unequal)
    with inside(folder) as params, pytest.raises(ParamError, match="need equal shapes"):
        load_splits(params, "stereo")
