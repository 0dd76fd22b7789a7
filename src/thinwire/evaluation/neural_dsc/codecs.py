"""A trained conditional VQ-VAE on its test items: distortion with each kind of side information, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from thinwire.artifacts import read_json, write_json
from thinwire.evaluation.neural_dsc.items import SIDES, Items, load_items, spread, with_side
from thinwire.evaluation.neural_dsc.recording import recorded_items
from thinwire.evaluation.neural_dsc.speech import kbps, measure
from thinwire.evaluation.sounds import save_audio
from thinwire.metrics.images import ms_ssim
from thinwire.nn.trainable import count_by_part
from thinwire.params import Params
from thinwire.params.neural_dsc import SPEECH, NdscRow
from thinwire.progress import track
from thinwire.systems.neural_dsc.codec import NdscCodec, Rates, codec_fingerprint
from thinwire.systems.neural_dsc.model import NeuralDsc
from thinwire.systems.neural_dsc.slepian_wolf import block_errors
from thinwire.systems.neural_dsc.speech import SpeechItems, seconds_of, waveforms
from thinwire.training.adapters.neural_dsc import load_codec, load_counts
from thinwire.training.build import MODELS

_AT_ONCE = 32


def measure_codec(params: Params, name: str, folder: Path) -> dict[str, float]:
    """Write items.parquet, usage.parquet, look.npz, audio.npz of speech and run.json; returns means for the metrics.
    Where a recording is given, recording.parquet is of its pieces what items.parquet is of test items; `mic` is the
    number of the microphone that is y.

    items: one row an item, kind of side information (`si`) and seed. Columns: run, segment_id, group, scene, si, seed;
    mse and psnr (dB; images in -.5 .. .5, of others in units of the training items' spread), explained (1 - mse / the
    item's variance about its own mean); ms_ssim of images; sse and energy of gradients (as they are); p, bit_errors and
    block_error of bits; lsd, level_db, stoi, pesq, si_sdr of speech (stoi, pesq: some items, own side information).
    Rates (si = correct): fixed_bits, entropy_bits, payload_bits, header_bits; kbps and bpp are payload_bits a time or
    pixel.
    """
    row: NdscRow = params.run(name)
    items = load_items(params, row)
    model = load_codec(params, name).eval()
    keep(params, folder, model, items, encode(model, items))
    table = measured(params, name, items)
    table.to_parquet(folder / "items.parquet", index=False)
    recorded = recorded_items(params, row, model.shape[-1]) if row.domain in SPEECH else {}
    if recorded:
        tables = [measured(params, name, pieces).assign(mic=mic) for mic, pieces in recorded.items()]
        pd.concat(tables, ignore_index=True).to_parquet(folder / "recording.parquet", index=False)
    own = table[table["si"] == "correct"].select_dtypes("number").drop(columns="seed").mean()
    means = {str(column): float(value) for column, value in own.dropna().items()}
    write_json(folder / "run.json", facts(params, name, model, len(items), means))
    return means


def measured(params: Params, name: str, items: Items) -> pd.DataFrame:
    """One row an item, kind of side information and seed, with rates where it is the item's own."""
    parts = []
    for seed in range(params.training_of(name).seeds):
        model = load_codec(params, name, seed).eval()
        indices = encode(model, items)
        for kind in track(SIDES, f"decode {name}"):
            table = decoded_table(params, model, items, indices, kind).assign(run=name, seed=seed)
            own = kind == "correct"
            parts.append(rated(params, name, seed, model, items, indices, table) if own else table)
    return pd.concat(parts, ignore_index=True)


@torch.inference_mode()
def encode(model: NeuralDsc, items: Items) -> Tensor:
    """Indices (n, *grid) of items; the joint form sees the item's own side information."""
    places = torch.arange(len(items)).split(_AT_ONCE)
    step = items.step
    return torch.cat([model.encode(items.x[i], items.y[i], None if step is None else step[i]) for i in places])


@torch.inference_mode()
def decode(model: NeuralDsc, items: Items, indices: Tensor, side: Tensor | None) -> Tensor:
    """x_hat (n, *shape) with side information."""
    places = torch.arange(len(items)).split(_AT_ONCE)
    step = items.step
    return torch.cat([
        model.decode(indices[i], None if side is None else side[i], None if step is None else step[i]) for i in places
    ])  # fmt: skip


def decoded_table(params: Params, model: NeuralDsc, items: Items, indices: Tensor, kind: str) -> pd.DataFrame:
    """One row an item, decoded with one kind of side information."""
    row, x = model.row, items.x
    x_hat = decode(model, items, indices, with_side(items, kind, model, params.seed))
    table = items.table.assign(si=kind)
    if row.domain == "bits":
        wrong = (x != x_hat).numpy()
        return table.assign(bit_errors=wrong.sum(1), block_error=block_errors(x.numpy(), x_hat.numpy()).astype(float))
    image = row.domain in ("stereo", "halves")
    target, output = (v if image else model.standardise(v) for v in (x, x_hat))
    axes = tuple(range(1, x.ndim))
    mse = (target - output).double().square().mean(axes).numpy()
    variance = target.double().var(axes, correction=0).numpy()
    table = table.assign(mse=mse, psnr=-10.0 * np.log10(np.maximum(mse, 1e-12)), explained=1.0 - mse / variance)
    if image:
        return table.assign(ms_ssim=ms_ssim(x.numpy(), x_hat.numpy()))
    if row.domain == "gradients":
        energy, sse = (v.double().square().sum(1).numpy() for v in (x, x - x_hat))
        return table.assign(energy=energy, sse=sse)
    assert items.audio is not None
    listened = spread(len(items), params.evaluation.neural_dsc.listened_items) if kind == "correct" else np.array([])
    heard = measure(
        SpeechItems(x, items.y, items.audio), x_hat, row.domain, params.systems.neural_dsc.spectrum, params, listened
    )
    return pd.concat([table, heard.drop(columns="mse")], axis=1)


def rated(
    params: Params, name: str, seed: int, model: NeuralDsc, items: Items, indices: Tensor, table: pd.DataFrame
) -> pd.DataFrame:
    """The table with what each item costs without a prior, from real bytes."""
    codec = NdscCodec(model, None, codec_fingerprint(model, None))
    costs = cost_table(codec.rates(indices, load_counts(name, seed)))
    costs = costs.drop(columns=["ideal_bits", "reference_bits"])  # which a prior has
    table = pd.concat([table.reset_index(drop=True), costs], axis=1)
    return table.assign(**per_unit(params, model.row, items, table["payload_bits"].to_numpy()))


def cost_table(rates: Sequence[Rates]) -> pd.DataFrame:
    """One row an item: fixed_bits, entropy_bits, ideal_bits, reference_bits, payload_bits, header_bits."""
    columns = ["fixed_bits", "entropy_bits", "ideal_bits", "reference_bits", "payload_bits", "header_bits"]
    rows = [
        (one.fixed_bits, one.entropy_bits, one.ideal_bits, one.reference_bits, 8 * len(one.payload),
         8 * one.header_bytes) for one in rates
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def per_unit(params: Params, row: NdscRow, items: Items, bits: np.ndarray) -> dict[str, np.ndarray]:
    """Rates of items that cost `bits`: kbps of speech, bpp of images; nothing of vectors."""
    if row.domain in SPEECH:
        return {"kbps": kbps(bits, items.x.shape[-1], row.domain, params.systems.neural_dsc.spectrum)}
    if row.domain in ("stereo", "halves"):
        return {"bpp": bits / float(items.x.shape[-1] * items.x.shape[-2])}
    return {}


def keep(params: Params, folder: Path, model: NeuralDsc, items: Items, indices: Tensor) -> None:
    """usage.parquet (codeword, count over test items), look.npz (`<item>/x`, `y`, `indices`, and x_hat by kind of side
    information), audio.npz of speech (`<item>/clean`, x's own map made audible as `map`, and by kind).
    """
    counts = np.bincount(indices.numpy().reshape(-1), minlength=model.codewords)
    usage = pd.DataFrame({"codeword": np.arange(model.codewords), "count": counts})
    usage.to_parquet(folder / "usage.parquet", index=False)
    place = spread(len(items), params.evaluation.neural_dsc.look_items)
    some, codes = items.take(place), indices[torch.from_numpy(place)]
    versions = {"x": some.x, "y": some.y, "indices": codes}
    # Of kept items the wrong side information is that of all items, so that figures and tables are about the same.
    for kind in SIDES:
        side = with_side(items, kind, model, params.seed)
        versions[kind] = decode(model, some, codes, None if side is None else side[torch.from_numpy(place)])
    ids = some.table["segment_id"]
    arrays = {f"{ids[i]}/{kind}": v[i].numpy() for kind, v in versions.items() for i in range(len(some))}
    np.savez_compressed(folder / "look.npz", **arrays)  # type: ignore[arg-type]
    if model.row.domain in SPEECH and some.audio is not None:
        spectrum = params.systems.neural_dsc.spectrum
        sounds = {f"{ids[i]}/clean": some.audio[i] for i in range(len(some))}
        for kind in ("x", *SIDES):
            for i, wave in enumerate(waveforms(versions[kind], model.row.domain, spectrum)):
                sounds[f"{ids[i]}/{'map' if kind == 'x' else kind}"] = wave
        save_audio(folder / "audio.npz", {key: 0.05 * wave for key, wave in sounds.items()})


def facts(params: Params, name: str, model: NeuralDsc, items: int, means: dict[str, float]) -> dict[str, Any]:
    """What run.json says of a trained codec."""
    spectrum = params.systems.neural_dsc.spectrum
    seconds = seconds_of(model.shape[-1], model.row.domain, spectrum) if model.row.domain in SPEECH else None
    return {
        "card": read_json(MODELS / name / "card.json"),
        "row": params.run(name).model_dump(),
        "parameters": count_by_part(model) | {"quantiser": model.quantiser.codebook.numel()},  # its moving averages
        "shape": list(model.shape),
        "grid": list(model.index_grid),
        "seconds": seconds,
        "fingerprint": codec_fingerprint(model, None),
        "test_items": items,
        "means": means,
    }
