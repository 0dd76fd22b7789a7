"""Inside the loop: temporal correlation, sparsity, resemblance, confidence, codebook usage (Fig. 7a, 8)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from thinwire.evaluation.tfcodec.common import Bench
from thinwire.nn.group_quantiser import codebook_usage, entropy_bits
from thinwire.params.tfcodec import STEP_FRAMES
from thinwire.systems.tfcodec.model import LoopOutput, TfCodec

TINY = 1e-12


def frame_correlation(z: Tensor, lag: int = 1) -> Tensor:
    """(B,): Pearson correlation over channels of frames `lag` apart, averaged over time, of latents (B, C, T).

    The reading of the paper's "temporal correlation coefficient" (section IV-C1) that is judged. Frames that are the
    same in all channels correlate with nothing and are left out.
    """
    centred = z.double() - z.double().mean(1, keepdim=True)
    norm = centred.norm(dim=1)
    product = (centred[:, :, lag:] * centred[:, :, :-lag]).sum(1)
    scale = norm[:, lag:] * norm[:, :-lag]
    alive = scale > TINY
    correlation = torch.where(alive, product / scale.clamp_min(TINY), 0.0)
    return correlation.sum(1) / alive.sum(1)


def channel_correlation(z: Tensor, lag: int = 1) -> Tensor:
    """(B,): autocorrelation over time at `lag` frames of each channel, freed of its mean, averaged over channels."""
    centred = z.double() - z.double().mean(2, keepdim=True)
    energy = centred.square().sum(2)
    alive = energy > TINY
    correlation = torch.where(alive, (centred[:, :, lag:] * centred[:, :, :-lag]).sum(2) / energy.clamp_min(TINY), 0.0)
    return correlation.sum(1) / alive.sum(1)


def hoyer(z: Tensor) -> Tensor:
    """(B,): Hoyer's sparsity over channels, 0 (all equal) to 1 (one alone), averaged over the frames of (B, C, T)."""
    z = z.double()
    root = z.shape[1] ** 0.5
    l2 = z.norm(dim=1)
    alive = l2 > TINY
    sparsity = (root - z.abs().sum(1) / l2.clamp_min(TINY)) / (root - 1.0)
    return torch.where(alive, sparsity, 0.0).sum(1) / alive.sum(1)


def resemblance(a: Tensor, b: Tensor) -> Tensor:
    """(B,): Pearson correlation of two maps (B, C, T) after each channel lost its mean over time."""
    a, b = (x.double() - x.double().mean(2, keepdim=True) for x in (a, b))
    return (a * b).sum((1, 2)) / (a.norm(dim=(1, 2)) * b.norm(dim=(1, 2))).clamp_min(TINY)


def packet_energy(model: TfCodec, x_hat_N: Tensor) -> Tensor:
    """(B, S, 2): mean square of the channels that each packet of a step carries, of x_hat_N (B, C, T)."""
    power = x_hat_N.square().unflatten(2, (-1, STEP_FRAMES)).mean(3)
    halves = power.split([model.first_packet, model.latent - model.first_packet], 1)
    return torch.stack([half.sum(1) / max(half.shape[1], 1) for half in halves], 2)


def confidence(output: LoopOutput) -> Tensor:
    """(B, G, S): the largest of softmax(logits), without noise or temperature (Fig. 8b)."""
    return output.quantised.probabilities.amax(-1)


def latent_columns(bench: Bench, output: LoopOutput) -> pd.DataFrame:
    """Item columns of a batch: correlations, sparsity, resemblance, confidence, share of packets with little energy."""
    x_R, x_P, x_N = output.x_R, output.x_P, output.x_N
    energy = packet_energy(bench.model, output.quantised.z_hat).flatten(1)
    columns = {
        "confidence": confidence(output).mean((1, 2)),
        "correlation": frame_correlation(x_N),
        "correlation_encoder": frame_correlation(x_R),
        "correlation_step": frame_correlation(x_N, STEP_FRAMES),
        "correlation_channel": channel_correlation(x_N),
        "sparsity_encoder": hoyer(x_R),
        "sparsity_coded": hoyer(x_N),
        "low_energy_share": (energy < energy.mean(1, keepdim=True)).double().mean(1),
    }
    table = pd.DataFrame({name: value.numpy() for name, value in columns.items()})
    table["resemblance"] = np.nan if x_P is None else resemblance(x_P, x_R).numpy()
    table["sparsity_prediction"] = np.nan if x_P is None else hoyer(x_P).numpy()
    return table


def usage_tables(bench: Bench, indices: np.ndarray, winners: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of codewords and of groups, for test indices and the confidence of the chosen, both (n, G, S)."""
    groups, codewords = bench.model.quantiser.groups, bench.model.quantiser.codewords
    usage = codebook_usage(torch.from_numpy(indices), codewords)
    counts = usage.counts.numpy()
    sums = np.zeros((groups, codewords))
    for group in range(groups):
        sums[group] = np.bincount(indices[:, group].ravel(), winners[:, group].ravel(), codewords)
    with np.errstate(invalid="ignore"):
        mean = sums / counts
    table = pd.DataFrame(
        {
            "run": bench.name,
            "group": np.repeat(np.arange(groups), codewords),
            "codeword": np.tile(np.arange(codewords), groups),
            "count": counts.ravel(),
            "count_train": bench.counts.ravel(),
            "confidence": mean.ravel(),
        }
    )
    shares = usage.counts.double() / usage.counts.sum(1, keepdim=True)
    summary = pd.DataFrame(
        {
            "run": bench.name,
            "group": np.arange(groups),
            "entropy_bits": entropy_bits(shares).numpy(),
            "perplexity": usage.perplexity.numpy(),
            "dead": usage.dead.numpy(),
            "dead_train": (bench.counts == 0).sum(1),
            "confidence": winners.mean((0, 2)),
        }
    )
    return table, summary
