"""Bits: nominal, entropy, Huffman and range-coded, from real bytes, and of each 40 ms step (Table I, section IV-B)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from thinwire.evaluation.tfcodec.common import Bench, Clips
from thinwire.params.tfcodec import STEP_FRAMES
from thinwire.progress import track
from thinwire.systems.tfcodec.tables import entropy_bits

STEP_S = 0.04


def rates(bench: Bench, clips: Clips, indices: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Item columns and the table of steps, for indices (n, G, S).

    Rates are of payloads, over the time that the coded steps cover: a clip's last step reaches past its end, which in
    clips of 3 s would be charged with a per cent. `fill`: entropy under the code tables over G log2 K.
    """
    rows, steps = [], []
    coded_s = indices.shape[2] * STEP_S
    assert bench.model.hop_length * STEP_FRAMES == round(STEP_S * 16_000)
    for segment, item in zip(clips.ids, track(indices, f"bytes {bench.name}"), strict=True):
        rate = bench.coder.rates(item, clips.seconds)
        huffman = bench.coder.step_bits(item)
        ideal = entropy_bits(item, bench.coder.bitstream.tables)
        part = clips.seconds / coded_s
        rows.append(
            {
                "kbps_nominal": rate.nominal,
                "kbps_entropy": rate.entropy * part,
                "kbps_huffman": rate.huffman * part,
                "kbps_range": rate.range * part,
                "kbps_packets": rate.packets * part,
                "kbps_packet_headers": rate.packet_headers * part,
                "header_bytes": rate.header_bytes,
                "fill": rate.entropy * part / rate.nominal,
                "bits_mean": huffman.mean(),
                "bits_std": huffman.std(),
                "bits_min": huffman.min(),
                "bits_max": huffman.max(),
            }
        )
        steps.append(
            pd.DataFrame(
                {"segment_id": segment, "step": np.arange(len(huffman)), "bits_huffman": huffman, "bits_entropy": ideal}
            )
        )
    return pd.DataFrame(rows), pd.concat(steps, ignore_index=True)
