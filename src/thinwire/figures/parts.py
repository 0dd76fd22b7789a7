"""The parts of the distributed coder as `params.yaml` instantiates them: what Fig. 1 and 2 are drawn from."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from thinwire.audio import SAMPLE_RATE
from thinwire.nn.trainable import count_parameters
from thinwire.params import Params
from thinwire.systems.ndpca.model import GROUPS, NdpcaModel, build_model
from thinwire.systems.ndpca.system import NdpcaSystem
from thinwire.tasks.enhancement import Enhancer


@dataclass(frozen=True)
class Part:
    """One box: `role` is encoder, bottleneck, channel, decoder (Fig. 1) or agnostic, task, perceptual (Fig. 2)."""

    name: str
    role: str
    parameters: int
    in_shape: str
    out_shape: str


def _model(params: Params, run: str) -> NdpcaModel:
    mics, samples = len(params.corpora.chime6.sources), int(params.corpora.chime6.segment_s * SAMPLE_RATE)
    with torch.device("meta"):  # counts need no memory
        return build_model(params.systems.ndpca.shape, params.systems.ndpca.spectrum, params.run(run), mics, samples)


def describe(params: Params, run: str) -> list[Part]:
    """The chain of a run's model in order: encoders, bottleneck, channel, decoder."""
    model = _model(params, run)
    channels, bins, frames = model.grid
    each, size = model.mics // model.groups, model.latent // model.groups
    name = {"ndpca": "distributed PCA" if model.groups > 1 else "PCA", "plain": "truncation", "fixed": "fixed width"}[
        params.run(run).bottleneck
    ]
    parts = [
        Part(
            f"encoder {k + 1}",
            "encoder",
            count_parameters(encoder),
            f"{each} x {channels} x {bins} x {frames}",
            f"{size}",
        )
        for k, encoder in enumerate(model.encoders)
    ]
    width = model.decoder.from_latent.in_features
    return [
        *parts,
        Part(name, "bottleneck", 0, f"{model.groups} x {size}", "m floats"),
        Part("channel", "channel", 0, "m(t) floats/s", "m(t) floats/s"),
        Part("decoder", "decoder", count_parameters(model.decoder), f"{width}", f"{channels} x {bins} x {frames}"),
    ]


def describe_training(params: Params, run: str) -> list[Part]:
    """The losses of an aware run by branch; the network of a branch carries its parameters."""
    mics, samples = len(params.corpora.chime6.sources), int(params.corpora.chime6.segment_s * SAMPLE_RATE)
    system = NdpcaSystem(params.systems.ndpca, params.run(run), mics, samples)
    critic = system.make_critic()
    weights = system.weights
    parts = [
        Part(name, "agnostic", 0, f"weight {weights[name]:g}", "1")
        for name in weights
        if name not in ("task", "perceptual")
    ]
    parts.append(
        Part(
            "score matching",
            "task",
            count_parameters(Enhancer(params.systems.score)),
            f"weight {weights['task']:g}",
            "1",
        )
    )
    if critic is not None:
        scales = len(params.systems.ndpca.discriminator_scales)
        name = f"MS-STFT discriminator, {scales} scale{'s' if scales > 1 else ''}"
        parts.append(Part(name, "perceptual", count_parameters(critic), f"weight {weights['perceptual']:g}", "logits"))
    return parts


def encoders_of(arch: str) -> int:
    """How many encoders an architecture's name promises."""
    return GROUPS[arch]
