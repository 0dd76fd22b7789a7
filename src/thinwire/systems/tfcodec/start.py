"""Where training begins: the decoder as the encoder's transpose, and codebooks fitted to the latents of a model.

The paper says nothing of initialisation. From independent random weights training stays at a saddle where the decoder
ignores the latent's fine structure and every loss is lowered by spectral envelopes alone; from the mirrored start the
gradient carries fine structure from the first step on (`docs/tfcodec.md`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from thinwire.nn.causal import NORM_EPS, StatefulGRU
from thinwire.nn.group_quantiser import GroupQuantiser
from thinwire.systems.tfcodec.decoder import Decoder
from thinwire.systems.tfcodec.encoder import Encoder
from thinwire.systems.tfcodec.predictor import Merge

FAINT = 0.1
"""Factor of weights that reach into the past: the mirror of a delay would be a look ahead."""
KEEP = -3.0
"""Bias of the update gate: sigmoid(-3), 5 %, of the state before is kept."""
PASS = 0.5
"""Gain of a recurrence's identity: inputs of unit variance stay in tanh's nearly linear range."""


@torch.no_grad()
def mirror(encoder: Encoder, decoder: Decoder) -> None:
    """Set the decoder's projection and convolutions to the transposes of the encoder's, which are made orthogonal, the
    last convolution and both GRUs to pass their input on, and make faint what reaches into the past.
    """
    for module in (encoder.tcm, decoder.tcm1, decoder.tcm2):
        for name, weight in module.named_parameters():
            if name.endswith("narrow.weight"):
                weight.mul_(FAINT)
    kernels = _kernels(encoder.convs)
    for weight in kernels:
        nn.init.orthogonal_(weight.view(len(weight), -1))
        weight[:, :, 0].mul_(FAINT)
    nn.init.orthogonal_(encoder.project.weight, 1.0 / PASS)
    decoder.expand.weight.copy_(PASS * encoder.project.weight.T)
    *transposed, last = _kernels(decoder.convs)
    for mine, theirs in zip(transposed, kernels[:0:-1], strict=True):
        mine.copy_(theirs.flip(2))  # of a transposed convolution's two frames the first is the present one
    last.copy_(kernels[0].transpose(0, 1).flip(3))
    decoder.output.weight.zero_()
    decoder.output.weight[:, :, -1, decoder.output.padding] = torch.eye(2)
    for gru in (encoder.gru, decoder.gru):
        pass_on(gru)


def _kernels(blocks: nn.ModuleList) -> list[nn.Parameter]:
    """Weights of the convolutions of `ConvBlock`s."""
    return [weight for name, weight in blocks.named_parameters() if name.endswith("conv.weight")]


def pass_on(block: StatefulGRU) -> None:
    """Candidate tanh(PASS x), of which the update gate lets nearly all through; the reset gate stays as drawn."""
    from_input, from_state, bias, _ = block.gru.all_weights[0]
    channels = block.gru.hidden_size
    update, candidate = slice(channels, 2 * channels), slice(2 * channels, None)
    for weight in (from_input, from_state):
        weight[channels:].mul_(FAINT)
    from_input[candidate] += PASS * torch.eye(channels)
    bias[update] = KEEP


@torch.no_grad()
def pass_first_on(merge: Merge, first: Tensor) -> None:
    """Have an extractor or synthesizer begin by passing on the first of its two latents, (B, C, T) like `first`.

    Normalisation gives back the mean and deviation that it takes away, the activation's slope is 1.
    """
    channels = first.shape[1]
    merge.conv.weight.copy_(torch.cat([torch.eye(channels), torch.zeros(channels, channels)], 1))
    merge.conv.bias.zero_()
    merge.norm.running_mean.copy_(first.mean((0, 2)))
    merge.norm.running_var.copy_(first.var((0, 2)))
    merge.norm.weight.copy_((merge.norm.running_var + NORM_EPS).sqrt())
    merge.norm.bias.copy_(merge.norm.running_mean)
    merge.norm.slope.fill_(1.0)


@torch.no_grad()
def share_out(x: Tensor, groups: int) -> Tensor:
    """Orthogonal matrix (C, C) that turns latents x (B, C, T) to their principal axes, shared out among `groups`.

    Axes go, from the strongest on, each to the group with the least sum of log-variances that has room, so that equal
    codebooks find groups of like content. What follows undoes the turn with the transpose.
    """
    channels = x.shape[1]
    vectors = x.transpose(1, 2).flatten(0, 1).double()
    variances, axes = torch.linalg.eigh(torch.cov(vectors.T))
    variances = variances.clamp_min(1e-9 * float(variances[-1]))
    members: list[list[int]] = [[] for _ in range(groups)]
    load = [0.0] * groups
    for axis in reversed(range(channels)):
        group = min((g for g in range(groups) if len(members[g]) < channels // groups), key=load.__getitem__)
        members[group].append(axis)
        load[group] += float((variances[axis] / variances[0]).log())
    return axes[:, [axis for group in members for axis in group]].T.to(x.dtype)


@torch.no_grad()
def turn(encoder: Encoder, decoder: Decoder, rotation: Tensor) -> None:
    """Turn the latent by an orthogonal matrix (C, C) without a change to what the decoder makes of it."""
    encoder.project.weight.copy_(rotation @ encoder.project.weight)
    decoder.expand.weight.copy_(decoder.expand.weight @ rotation.T)


@torch.no_grad()
def fit_codebooks(quantiser: GroupQuantiser, x: Tensor, seed: int) -> None:
    """Set each group's codewords to the k-means centres of its vectors of latents x (B, C, T).

    Raises ValueError for fewer vectors than codewords.
    """
    from sklearn.cluster import MiniBatchKMeans  # a machine that only trains need not have it

    fitted = []
    for vectors in quantiser.vectors(x):
        if len(vectors) < quantiser.codewords:
            raise ValueError(f"{len(vectors)} vectors for {quantiser.codewords} codewords; give more training clips")
        means = MiniBatchKMeans(quantiser.codewords, n_init=1, batch_size=4096, max_iter=20, random_state=seed)
        fitted.append(torch.from_numpy(means.fit(vectors.numpy()).cluster_centers_).to(quantiser.codebook))
    quantiser.set_codewords(torch.stack(fitted))
