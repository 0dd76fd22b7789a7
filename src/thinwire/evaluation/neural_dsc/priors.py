"""A trained prior on the indices of its codec's test items: what they cost, counted in every way, from real bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from thinwire.artifacts import read_json, write_json
from thinwire.errors import PipelineError
from thinwire.evaluation.neural_dsc.codecs import cost_table, encode, per_unit
from thinwire.evaluation.neural_dsc.items import load_items, spread
from thinwire.nn.trainable import count_by_part
from thinwire.params import Params
from thinwire.systems.neural_dsc.codec import codec_fingerprint
from thinwire.training.adapters.neural_dsc import load_counts
from thinwire.training.adapters.neural_dsc_prior import codec_row, load_coder
from thinwire.training.build import MODELS


def measure_prior(params: Params, name: str, folder: Path) -> dict[str, float]:
    """Write rates.parquet, bits.npz and run.json; returns means.

    rates: one row a test item and seed of the prior: run, codec, segment_id, seed, fixed_bits, entropy_bits (static
    tables of training counts), ideal_bits (cross-entropy), reference_bits (the authors': rounded up, plus 1),
    payload_bits (range coder, real bytes), header_bits, and kbps or bpp of payload_bits. bits.npz: `<item>`, ideal bits
    of each index of the kept items, in the grid's shape.

    Raises PipelineError where bytes do not decode to what was coded: every item is tried.
    """
    codec = params.run(name).codec
    items = load_items(params, codec_row(params, name))
    parts = []
    for seed in range(params.training_of(name).seeds):
        coder = load_coder(params, codec, name, seed)
        model, learned = coder.model, coder.prior
        assert learned is not None
        indices = encode(model, items)
        rates = coder.rates(indices, load_counts(codec))
        for item, codes, one in zip(items.table["segment_id"], indices.flatten(1).numpy(), rates, strict=True):
            # the very bytes that are counted: coded with other items at once, decoded alone
            if not np.array_equal(coder.bitstream.unpack(coder.bitstream.contain(one.payload)), codes):
                raise PipelineError(f"{name}: {item}: bytes decode to other indices")
        costs = cost_table(rates)
        part = items.table[["segment_id"]].assign(run=name, codec=codec, seed=seed)
        each_unit = per_unit(params, model.row, items, costs["payload_bits"].to_numpy())
        parts.append(pd.concat([part, costs], axis=1).assign(**each_unit))
        if not seed:
            chosen = spread(len(items), params.evaluation.neural_dsc.look_items)  # those that the codec keeps, too
            some = indices[torch.from_numpy(chosen)]
            with torch.inference_mode():
                each = learned.bits(some.reshape(len(some), -1)).reshape(some.shape)
            ids = items.table["segment_id"].iloc[chosen]
            kept = {str(item): bits.numpy() for item, bits in zip(ids, each, strict=True)}
            np.savez_compressed(folder / "bits.npz", **kept)  # type: ignore[arg-type]
            first, first_prior = model, learned
    table = pd.concat(parts, ignore_index=True)
    table.to_parquet(folder / "rates.parquet", index=False)
    means = {str(k): float(v) for k, v in table.select_dtypes("number").drop(columns="seed").mean().items()}
    told = {
        "card": read_json(MODELS / name / "card.json"),
        "row": params.run(name).model_dump(),
        "codec": codec,
        "parameters": count_by_part(first_prior),
        "grid": list(first.index_grid),
        "fingerprint": codec_fingerprint(first, first_prior),
        "test_items": len(items),
        "means": means,
    }
    write_json(folder / "run.json", told)
    return means
