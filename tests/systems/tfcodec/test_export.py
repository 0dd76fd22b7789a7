"""The exported step functions against the model's own: values, indices over many steps, losses, determinism."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch

from thinwire.signal.causal_stft import as_pairs, causal_stft
from thinwire.systems.tfcodec.export import ExportedCodec, OnnxSteps, export_steps
from thinwire.systems.tfcodec.folded import folded
from thinwire.systems.tfcodec.model import TfCodec
from thinwire.systems.tfcodec.streaming import StreamDecoder, StreamEncoder, TorchSteps

VARIANTS = {
    "none": {"predictor": "none", "power": "fixed", "groups": 3},
    "conv": {"predictor": "conv", "groups": 3},
    "adaptive": {"predictor": "adaptive", "quantiser": "gumbel", "groups": 4, "words": 32},
}


@pytest.fixture(scope="module", params=list(VARIANTS))
def variant(request, make_lively) -> tuple[TfCodec, ExportedCodec]:
    model = make_lively(**VARIANTS[request.param])
    return model, export_steps(model)


@pytest.fixture(scope="module")
def model(variant) -> TfCodec:
    return variant[0]


@pytest.fixture(scope="module")
def exported(variant) -> ExportedCodec:
    return variant[1]


def spectra(model: TfCodec, audio: np.ndarray) -> list[torch.Tensor]:
    return list(as_pairs(causal_stft(torch.from_numpy(audio)[None], model.n_fft, model.hop_length)).split(4, 3))


def largest_difference(ours: list, theirs: list) -> float:
    """Relative to the larger of 1 and the values."""
    pairs = [(np.asarray(a), np.asarray(b)) for a, b in zip(ours, theirs, strict=True)]
    assert all(a.shape == b.shape for a, b in pairs)
    return max(float(np.abs(a - b).max() / max(1.0, np.abs(b).max())) for a, b in pairs)


@torch.no_grad()
def test_the_inference_form_gives_the_models_values(model, make_noise):
    """From random states, so that every state matters; both step functions, outputs and new states."""
    torch.manual_seed(1)
    inference, frames, lost = folded(model), spectra(model, make_noise(3000, 1))[2], torch.tensor([[[0.0, 1.0]]])
    state = [0.5 * torch.randn(s.shape) for s in model.encoder_state(1)]
    theirs, expected = model.encoder_step(frames, state)
    ours, after = inference.encoder_step(frames, shaped(state, inference.encoder_state(1)))
    assert torch.equal(ours, theirs) and largest_difference(shaped(after, expected), expected) < 1e-5
    state = [0.5 * torch.randn(s.shape) for s in model.decoder_state(1)]
    spectrum, expected = model.decoder_step(theirs, lost, state)
    ours, after = inference.decoder_step(theirs, lost, shaped(state, inference.decoder_state(1)))
    assert largest_difference([ours, *shaped(after, expected)], [spectrum, *expected]) < 1e-4


def shaped(state: list[torch.Tensor], like: list[torch.Tensor]) -> list[torch.Tensor]:
    """States without the batch dimension, or with it again."""
    return [s.reshape(other.shape) for s, other in zip(state, like, strict=True)]


def test_the_inference_form_leaves_the_model_alone(model):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    folded(model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_streams_on_the_graphs_are_the_models(model, exported, make_noise):
    """Indices of 4 s are identical, and audio equal to float tolerance, with and without losses."""
    audio, steps = make_noise(64_000, 7), OnnxSteps(exported)
    encoder = StreamEncoder(steps)
    indices = np.concatenate([*(encoder.push(piece) for piece in np.array_split(audio, 37)), encoder.flush()], 1)
    assert indices.dtype == np.int64
    assert np.array_equal(indices, model.encode(torch.from_numpy(audio)[None])[0].numpy())
    assert len(np.unique(indices)) > 8
    for rate in (0.0, 0.4):
        lost = np.random.default_rng(3).random((indices.shape[1], 2)) < rate
        ours = StreamDecoder(steps).push(indices, lost)
        theirs = StreamDecoder(TorchSteps(model)).push(indices, lost)
        assert largest_difference([ours], [theirs]) < 1e-4


def test_one_session_serves_streams_side_by_side(exported, make_noise):
    steps = OnnxSteps(exported)
    signals = [make_noise(3200, seed) for seed in (1, 2)]
    alone = [StreamEncoder(steps).push(x) for x in signals]
    encoders, out = [StreamEncoder(steps) for _ in signals], [[], []]
    for start in range(0, 3200, 640):
        for place, encoder in enumerate(encoders):
            out[place].append(encoder.push(signals[place][start : start + 640]))
    assert all(np.array_equal(np.concatenate(o, 1), a) for o, a in zip(out, alone, strict=True))


def test_graphs_are_valid_and_hold_nothing_of_where_they_were_made(exported):
    for data in (exported.encoder, exported.decoder):
        graph = onnx.load_from_string(data)
        onnx.checker.check_model(graph, full_check=True)
        graph.graph.ClearField("initializer")
        words = str(graph)
        assert "LeakyRelu" in words and ".py" not in words and "metadata_props" not in words


@pytest.mark.parametrize("variant", ["conv"], indirect=True)
def test_the_same_model_gives_the_same_bytes(exported, make_lively):
    again = export_steps(make_lively(**VARIANTS["conv"]))
    assert (again.encoder, again.decoder) == (exported.encoder, exported.decoder)
