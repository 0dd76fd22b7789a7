"""Features at every point of the chain, for people who look inside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from thinwire.evaluation.ndpca.common import Bench
from thinwire.systems.ndpca.representation import magnitude_of


def look(bench: Bench, path: Path) -> None:
    """Write look.npz: spectra, latents, reconstructions at every m and feature maps of a few items, and the principal
    directions.
    """
    own = next(iter(bench.bottlenecks))
    bottleneck, some = bench.bottlenecks[own], bench.subset(bench.settings.look_items)
    # Encoders have latents of equal size, so their parameters stack.
    out: dict[str, np.ndarray] = {
        "segment_ids": np.array(bench.segments.table["segment_id"].iloc[some], dtype=str),
        "directions": np.stack(bottleneck.directions).astype(np.float32),
        "mean": np.stack(bottleneck.mean).astype(np.float32),
        "order_source": bottleneck.order[:, 0],
        "order_index": bottleneck.order[:, 1],
    }
    values = np.zeros(out["mean"].shape, np.float32)
    values[bottleneck.order[:, 0], bottleneck.order[:, 1]] = bottleneck.deviation
    out["singular_values"] = values
    for i, item in enumerate(some):
        x = bench.data.noisy[item : item + 1].float()
        with torch.no_grad():
            parts = zip(bench.model.encoders, bench.model.encoder_inputs(x), strict=True)
            encoders = [encoder.stages(part) for encoder, part in parts]  # type: ignore[operator]
            z_full = bottleneck.reconstruct([z[item : item + 1] for z in bench.latents], bench.model.latent)
            decoder = bench.model.decoder.stages(torch.from_numpy(z_full).float())
        out[f"item{i}/x"] = bench.noisy[item].astype(np.float16)
        out[f"item{i}/clean"] = bench.clean[item].astype(np.float16)
        out[f"item{i}/z"] = np.stack([z[item] for z in bench.latents]).astype(np.float32)
        layers = [name for name in encoders[0] if name != "latent"]
        maps = [(f"encoder_{e + 1}_{name}", encoder[name]) for name in layers for e, encoder in enumerate(encoders)]
        maps += [(f"decoder_{name}", value) for name, value in decoder.items() if name != "output"]
        for k, (name, value) in enumerate(maps):
            out[f"item{i}/feature/{k}_{name}"] = value[0].numpy().astype(np.float16)
        for m in bench.grid(own):
            z_hat = bottleneck.reconstruct([z[item : item + 1] for z in bench.latents], m)
            decoded = magnitude_of(bench.decode(own, m, np.array([item])), bench.run.representation)
            out[f"item{i}/z_hat/m{m}"] = z_hat[0].astype(np.float32)
            out[f"item{i}/x_hat/m{m}"] = decoded[0].numpy().astype(np.float16)
    np.savez_compressed(path, **out)  # type: ignore[arg-type]
