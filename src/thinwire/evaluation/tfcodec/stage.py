"""The `evaluate` stage of TF-Codec: a results/<run> folder of tables and tensors for the notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from thinwire.artifacts import atomic_path, read_json, write_json
from thinwire.evaluation.places import METRICS, RESULTS
from thinwire.evaluation.sounds import save_audio
from thinwire.evaluation.tfcodec import complexity, packets, phonemes, speakers
from thinwire.evaluation.tfcodec.common import Bench, Clips, decode, load_clips, passes, set_up
from thinwire.evaluation.tfcodec.features import save_features
from thinwire.evaluation.tfcodec.latents import confidence, latent_columns, usage_tables
from thinwire.evaluation.tfcodec.quality import quality
from thinwire.evaluation.tfcodec.rates import rates
from thinwire.params import Params
from thinwire.params.tfcodec import TfRow
from thinwire.seeding import seed_everything
from thinwire.training.build import DATA, MODELS

MEANS = ["pesq", "stoi", "visqol", "plcmos", "si_sdr", "lsd_4_8k", "kbps_entropy", "kbps_huffman", "kbps_range",
         "confidence", "correlation"]  # fmt: skip
TALKERS, VOICE = "librispeech", "ljspeech"


def is_analysed(row: TfRow) -> bool:
    """Whether sections IV-C1 and IV-D look into a run's codes for talkers: the codec as proposed, without adversarial
    training, at any rate and with any predictor.
    """
    proposed = row.quantiser == "distance_gumbel" and row.power == "learnable"
    return proposed and not (row.adversarial or row.loss_aware)


def evaluate(params: Params, name: str) -> None:
    """Measure a trained run on the test items and write results/<name>; items and packet losses of all its seeds, the
    rest of the first.
    """
    seed_everything(params.seed)
    row = params.run(name)
    clips = load_clips(params.evaluation.tfcodec, row.data)
    measured = [measure_seed(params, set_up(params, name, n), clips) for n in range(params.training_of(name).seeds)]
    first, bench = measured[0], set_up(params, name)
    with atomic_path(RESULTS / name, directory=True) as folder:
        for table in ("items", "packets"):
            if table in first:
                rows = pd.concat([one[table] for one in measured], ignore_index=True)
                rows.to_parquet(folder / f"{table}.parquet", index=False)
        others = {table: first[table] for table in ("steps", "usage", "groups")} | analysis(params, bench, folder)
        for table, rows in others.items():
            rows.to_parquet(folder / f"{table}.parquet", index=False)
        look_and_listen(bench, clips, first, folder)
        items = pd.concat([one["items"] for one in measured])
        write_json(folder / "run.json", facts(params, bench, items))
    write_json(METRICS / f"{name}.json", means(items))


def measure_seed(params: Params, bench: Bench, clips: Clips) -> dict[str, Any]:
    """Tables `items`, `steps`, `usage`, `groups` and, with the convolutional predictor, `packets`; `indices` (n, G, S)
    and `decoded` (n, samples).
    """
    parts, indices, winners = [], [], []
    for one in passes(bench.model, clips.audio, f"encode {bench.name}"):
        parts.append(latent_columns(bench, one.output))
        indices.append(one.output.quantised.indices.numpy())
        winners.append(confidence(one.output).numpy())
    codes = np.concatenate(indices)
    decoded = decode(bench.model, codes, clips.audio.shape[1])
    heard = quality(clips, decoded, bench.settings, params)
    bits, steps = rates(bench, clips, codes)
    columns = [heard, bits, pd.concat(parts, ignore_index=True)]
    items = pd.concat([clips.columns().assign(**bench.identity(), **bench.description()), *columns], axis=1)
    usage, groups = usage_tables(bench, codes, np.concatenate(winners))
    out = {"items": items, "steps": steps.assign(run=bench.name), "usage": usage, "groups": groups}
    if bench.row.predictor == "conv":
        some = clips.subset(bench.settings.packet_items)
        out["packets"] = packets.sweep(bench, clips.take(some), codes[some], params)
    return out | {"indices": codes, "decoded": decoded}


def analysis(params: Params, bench: Bench, folder: Path) -> dict[str, pd.DataFrame]:
    """Tables on talkers, and on phonemes where the loop is off as in section IV-D; pooled codes as embeddings.npz."""
    if not is_analysed(bench.row):
        return {}
    settings = params.evaluation.tfcodec
    talkers = speakers.load_talkers(DATA / TALKERS, settings)
    pooled = speakers.embeddings(bench, talkers)
    ids = {"segment_id": np.array(talkers.ids, dtype=str), "speaker": talkers.table["speaker"].to_numpy(dtype=str)}
    np.savez_compressed(folder / "embeddings.npz", **pooled, **ids)  # type: ignore[arg-type]
    tables = {"speakers": speakers.talker_table(bench, talkers, pooled)}
    if bench.row.predictor == "none":
        found = phonemes.cooccurrence(bench, phonemes.load_voice(DATA / VOICE, settings))
        tables |= phonemes.tables(bench, found, settings.shuffles)
    return tables


def look_and_listen(bench: Bench, clips: Clips, measured: dict[str, Any], folder: Path) -> None:
    """Write features.npz and audio.npz."""
    looked = clips.subset(bench.settings.look_items)
    save_features(bench, clips.take(looked), measured["decoded"][looked], folder / "features.npz")
    some = clips.subset(bench.settings.listen_items)
    heard = clips.take(some)
    decoded = measured["decoded"][some] * heard.gain[:, None]
    sounds: dict[str, np.ndarray] = {}
    for name, clean, coded in zip(heard.ids, heard.reference, decoded, strict=True):
        sounds |= {f"{name}/clean": clean, f"{name}/decoded": coded}
    if "packets" in measured:
        sounds |= packets.heard(bench, heard, measured["indices"][some])
    save_audio(folder / "audio.npz", sounds)


def means(items: pd.DataFrame) -> dict[str, float]:
    """Means over test items: what `dvc metrics diff` and `dvc exp show` compare."""
    return {name: round(float(items[name].mean()), 4) for name in MEANS}


def facts(params: Params, bench: Bench, items: pd.DataFrame) -> dict[str, Any]:
    """What there is to say of the model itself."""
    return {
        "card": read_json(MODELS / bench.name / "card.json"),
        "row": bench.row.model_dump(),
        "power": float(bench.model.exponent),
        "parameters": complexity.parameters(bench.model),
        "fingerprint": bench.fingerprint,
        "test_items": items["segment_id"].nunique(),
        "means": means(items),
    }
