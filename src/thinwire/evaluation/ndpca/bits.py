"""Rate-distortion in real bits: bytes counted, header apart, beside their entropy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from thinwire.evaluation.ndpca.common import Bench
from thinwire.metrics.spectral import psnr
from thinwire.progress import track
from thinwire.systems.ndpca.codec import NdpcaCodec
from thinwire.systems.ndpca.representation import magnitude_of

FIXED_WIDTH = "full_latent"
SCHEMES = {"ndpca": "ndpca", "truncate": FIXED_WIDTH}
"""Bottleneck to scheme: components chosen by distributed PCA, or every number of a plain latent, quantised alike
(section 2.2).
"""


def bits(bench: Bench) -> pd.DataFrame:
    """One row per (item, kbps target): bits of header, payload and entropy, components sent, PSNR; every bitstream is
    made and decoded.
    """
    rows = []
    some = bench.subset(bench.settings.bits_items)
    clean = bench.clean[some]
    peak = clean.max((1, 2))
    seconds = bench.model.samples / 16_000
    for mode, scheme in SCHEMES.items():
        if mode not in bench.bottlenecks:
            continue
        codec = NdpcaCodec(bench.model, bench.bottlenecks[mode], fixed_width=scheme == FIXED_WIDTH)
        for kbps in track(bench.settings.kbps_grid, f"bits {bench.name}"):
            streams = [codec.encode(bench.segments.noisy[i], kbps * 1000.0) for i in some]
            z_hat = np.concatenate([codec.decode_latent(stream) for stream in streams])
            with torch.no_grad():
                output = bench.model.decode(torch.from_numpy(z_hat).float())
            decoded = magnitude_of(output, bench.run.representation).numpy()
            values = psnr(clean, decoded, peak)
            for item, stream, value in zip(some, streams, values, strict=True):
                rate = codec.rate(stream)
                rows.append(
                    {
                        "seed": bench.number,
                        "scheme": scheme,
                        "kbps_target": kbps,
                        "segment_id": bench.segments.table["segment_id"].iloc[item],
                        "bits_total": rate.total / seconds,
                        "bits_header": rate.header / seconds,
                        "bits_payload": rate.payload / seconds,
                        "bits_entropy": rate.entropy / seconds,
                        "m_used": rate.components,
                        "psnr_magnitude": value,
                    }  # fmt: skip
                )
    return pd.DataFrame(rows)
