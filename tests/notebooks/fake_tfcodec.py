"""Invented but consistent results of the TF-Codec wing, in every shape that its stages leave; for tests only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from thinwire.params import Params, load_params
from thinwire.params.tfcodec import TfRow
from thinwire.params.tfcodec_evaluation import ClassicCodec
from thinwire.signal.causal_stft import causal_stft

RATE = 16_000
CLIPS, STEPS = 24, 38
CHANNELS, BINS = 24, 81
TITLES = {"opus": "Opus", "amr_nb": "AMR-NB", "g722": "G.722", "mp3": "MP3", "speex": "Speex"}
TALKERS, UTTERANCES = 12, 6
PHONES = ["AA", "AE", "AH", "AO", "EH", "ER", "IH", "IY", "K", "L", "M", "N", "P", "R", "S", "SIL", "T", "UW", "V", "Z"]
IDS = [f"dns-{k:04d}" for k in range(CLIPS)]
LOOK = IDS[:2]


def write_wing(folder: Path) -> None:
    """Fill models/, results/ and reports/ of a workspace that holds params.yaml with results of every run."""
    params = load_params(folder / "params.yaml")
    for name, row in params.runs.tfcodec.items():
        write_run(folder, params, name, row)
    write_classic(folder / "results" / "classic", params.evaluation.tfcodec.classic)
    write_complexity(folder, params)


def generator(*parts: str) -> np.random.Generator:
    """Noise that belongs to a name."""
    return np.random.default_rng([29, *"/".join(parts).encode()])


def quality(row: TfRow) -> float:
    """How good a run is, from 0 at the lowest rate to about 1.6."""
    level = np.log2(row.kbps / 0.256) / 3
    level += {"none": 0.0, "adaptive": 0.02, "conv": 0.05}[row.predictor] + 0.08 * row.adversarial
    return level - 0.04 * (row.power == "fixed") - 0.05 * (row.quantiser == "gumbel") - 0.03 * row.loss_aware


def scores(rng: np.random.Generator, level: float, count: int = CLIPS) -> dict[str, np.ndarray]:
    """Waveform measures of clips at a level; what makes a clip hard is the same for every system."""
    hard = np.random.default_rng(3).normal(0, 1, CLIPS)[:count]
    noise = {name: rng.normal(0, 0.3, count) for name in "abcdefg"}
    some = np.arange(count) % 2 == 0
    return {
        "pesq": 1.2 + 0.5 * level + 0.08 * hard + 0.03 * noise["a"],
        "stoi": 0.70 + 0.12 * level + 0.02 * hard + 0.01 * noise["b"],
        "si_sdr": 2.0 + 4 * level + hard + noise["c"],
        "lsd": 9.0 - 2 * level + 0.3 * hard + 0.1 * noise["d"],
        "lsd_4_8k": 10.0 - 2 * level + 0.3 * hard + 0.1 * noise["e"],
        "visqol": np.where(some, 2.0 + 0.8 * level + 0.1 * hard + 0.05 * noise["f"], np.nan),
        "plcmos": np.where(some, 2.2 + 0.7 * level + 0.1 * hard + 0.05 * noise["g"], np.nan),
    }


def items(name: str, row: TfRow) -> pd.DataFrame:
    """items.parquet of a run."""
    rng = generator(name)
    nominal = row.groups * np.log2(row.codewords) / 40
    entropy = row.kbps * (1 + 0.01 * rng.standard_normal(CLIPS))
    conv = row.predictor != "none"
    spread = row.kbps * 40 / 3 * (1 + 0.1 * rng.standard_normal(CLIPS))
    table = {
        "run": name, "seed": 1, "kbps_target": row.kbps, "groups": row.groups, "codewords": row.codewords,
        "predictor": row.predictor, "power_mode": row.power, "quantiser": row.quantiser, "adversarial": row.adversarial,
        "feature_matching": row.feature_matching, "loss_aware": row.loss_aware, "segment_id": IDS,
        "speaker": [f"s{k % 6}" for k in range(CLIPS)], "level_db": rng.uniform(-50, -10, CLIPS),
        **scores(rng, quality(row)),
        "kbps_nominal": nominal, "kbps_entropy": entropy, "kbps_huffman": entropy * 1.02, "kbps_range": entropy * 1.004,
        "kbps_packets": entropy * 1.1 + 0.4, "kbps_packet_headers": 0.4, "header_bytes": 44,
        "fill": entropy / nominal + 0.1 * (row.quantiser == "gumbel"),
        "bits_std": spread, "bits_max": row.kbps * 60, "bits_min": row.kbps * 13, "bits_mean": row.kbps * 41,
        "confidence": 0.8 - 0.5 * (row.quantiser == "gumbel") + 0.02 * rng.standard_normal(CLIPS),
        "correlation": 0.4 - 0.25 * conv + 0.05 * rng.standard_normal(CLIPS),
        "correlation_encoder": 0.42 + 0.05 * rng.standard_normal(CLIPS),
        "correlation_step": 0.2 - 0.12 * conv + 0.05 * rng.standard_normal(CLIPS),
        "correlation_channel": 0.5 - 0.3 * conv + 0.05 * rng.standard_normal(CLIPS),
        "resemblance": 0.7 + 0.05 * rng.standard_normal(CLIPS) if conv else np.nan,
        "sparsity_encoder": 0.3 + 0.02 * rng.standard_normal(CLIPS),
        "sparsity_prediction": 0.35 + 0.02 * rng.standard_normal(CLIPS) if conv else np.nan,
        "sparsity_coded": 0.3 + 0.15 * conv + 0.02 * rng.standard_normal(CLIPS),
        "low_energy_share": 0.62 + 0.03 * rng.standard_normal(CLIPS),
    }  # fmt: skip
    return pd.DataFrame(table)


def write_run(root: Path, params: Params, name: str, row: TfRow) -> None:
    """models/<run> and results/<run>."""
    model, results = root / "models" / name, root / "results" / name
    model.mkdir(parents=True)
    results.mkdir(parents=True)
    card = {"run": name, "init": row.init, "init_steps": 900, "init_hours_seen": 1.6, "steps": row.steps, "batch": 16,
            "hours_seen": 0.5, "training_items": 190, "validation": {"tau": 1.8 + 0.01 * row.kbps}}  # fmt: skip
    curves(name, row).to_csv(model / "curves.tsv", sep="\t", index=False)
    write_reference(root / "weights" / f"{row.init}.json", name, row)
    table = items(name, row)
    power = 0.3 if row.power == "fixed" else 0.37 - 0.01 * row.kbps
    means = {column: float(table[column].mean()) for column in ("stoi", "kbps_huffman")}
    facts = {"card": card, "row": row.model_dump(), "power": power, "test_items": CLIPS,
             "parameters": sizes(0.3), "means": means}  # fmt: skip
    (results / "run.json").write_text(json.dumps(facts))
    tables = {"items": table, "steps": steps(name, row), "speakers": speakers(name, row)}
    tables |= usage(name, row) | phonemes(name, row)
    if row.predictor == "conv":
        tables["packets"] = packets(params, name, row)
    for key, frame in tables.items():
        frame.to_parquet(results / f"{key}.parquet", index=False)
    versions = {"clean": 0.0, "decoded": 0.08 / (1 + row.kbps)}
    if row.predictor == "conv":
        versions |= {"lost10": 0.05, "lost30": 0.1, "lost50": 0.2, "burst120": 0.1, "burst240": 0.1}
    sounds = {f"{clip}/{kind}": pcm(k, level) for k, clip in enumerate(LOOK) for kind, level in versions.items()}
    np.savez_compressed(results / "audio.npz", **sounds)  # type: ignore[arg-type]
    np.savez_compressed(results / "features.npz", **features(name, row))  # type: ignore[arg-type]


def write_reference(path: Path, name: str, row: TfRow) -> None:
    """The card of a run's reference weights, of one run a former one with the total alone."""
    path.parent.mkdir(exist_ok=True)
    rows = curves(name, row.model_copy(update={"steps": 900})).query("split == 'dev'").drop(columns="split")
    rows = rows[["step", "total"]] if name == "tf_0k5" else rows
    training = {"lr": 0.001, "discriminator_lr": 0.0003, "batch": 4}
    path.write_text(json.dumps({"run": name, "steps": 900, "training": training, "curve": rows.to_dict("records")}))


def sizes(scale: float) -> dict[str, float]:
    """Counts by part that add up as the stage's do."""
    parts = {"encoder": 2_111_405 * scale, "decoder": 3_436_385 * scale, "predictive": 823_000 * scale}
    return parts | {"total": sum(parts.values()), "quantiser": 1_179_648 * scale}


def curves(name: str, row: TfRow) -> pd.DataFrame:
    """curves.tsv: losses fall, entropy comes to its target, the power falls."""
    rng = generator("curves", name)
    rows = []
    for step in np.linspace(0, row.steps, 9).round().astype(int):
        for split in ("train", "dev"):
            line: dict[str, Any] = {"step": step, "split": split}
            if step or split == "dev":
                part = step / row.steps
                line |= {"total": 1.0 + np.exp(-3 * part), "bin": 0.1, "mel": 0.8, "rate": 2.0, "tau": 2 - part}
                line |= {"entropy_bits": row.target_bits * (1 + 0.2 * np.exp(-5 * part) + rng.normal(0, 0.01))}
                line |= {"hard_entropy_bits": row.target_bits * 0.96, "dead_share": 0.1, "prediction": 0.1}
                line |= {"power": 0.3 if row.power == "fixed" else 0.4 - 0.01 * row.kbps - 0.03 * part}
                if row.adversarial:
                    line |= {"adversarial": 0.3 + 0.1 * part}
                    line |= {"feature": 1 - 0.3 * part} if row.feature_matching else {}
            rows.append(line)
    return pd.DataFrame(rows)


def steps(name: str, row: TfRow) -> pd.DataFrame:
    """steps.parquet: bits of each step, few in pauses."""
    rng = generator("steps", name)
    loud = 0.5 + 0.8 * np.sin(np.arange(STEPS) / 3) ** 2
    bits = np.concatenate([np.round(row.target_bits * loud * rng.uniform(0.8, 1.2, STEPS)) for _ in IDS])
    return pd.DataFrame(
        {"run": name, "segment_id": np.repeat(IDS, STEPS), "step": np.tile(np.arange(STEPS), CLIPS),
         "bits_huffman": bits.astype(int), "bits_entropy": bits * 0.98}
    )  # fmt: skip


def usage(name: str, row: TfRow) -> dict[str, pd.DataFrame]:
    """usage.parquet and groups.parquet: even with the Gumbel quantiser, skewed with the other."""
    rng = generator("usage", name)
    slope = 0.2 if row.quantiser == "gumbel" else 1.1
    words, groups = [], []
    for group in range(row.groups):
        share = rng.permutation(1.0 / np.arange(1, row.codewords + 1) ** slope)
        count = rng.multinomial(CLIPS * STEPS, share / share.sum())
        base = 0.25 if row.quantiser == "gumbel" else 0.75
        sure = np.where(count > 0, np.clip(base + 0.1 * rng.standard_normal(row.codewords), 0.01, 1), np.nan)
        words.append(
            pd.DataFrame({"run": name, "group": group, "codeword": np.arange(row.codewords), "count": count,
                          "count_train": 9 * count, "confidence": sure})
        )  # fmt: skip
        p = count[count > 0] / count.sum()
        entropy = float(-(p * np.log2(p)).sum())
        groups.append({"run": name, "group": group, "entropy_bits": entropy, "perplexity": 2**entropy,
                       "dead": int((count == 0).sum()), "dead_train": 0, "confidence": base})  # fmt: skip
    return {"usage": pd.concat(words, ignore_index=True), "groups": pd.DataFrame(groups)}


def speakers(name: str, row: TfRow) -> pd.DataFrame:
    """speakers.parquet: talkers the tighter the higher the rate, and looser with prediction."""
    rng = generator("speakers", name)
    frames = []
    for feature in ("coded", "codes") if row.predictor == "none" else ("encoder", "coded", "codes"):
        tight = np.log2(row.kbps / 0.2) / 5 * (0.4 if row.predictor != "none" and feature != "encoder" else 1.0)
        centres = np.random.default_rng(31).normal(0, 20, (TALKERS, 2))
        points = np.repeat(centres, UTTERANCES, axis=0) + rng.normal(0, 12 * (1.05 - tight), (TALKERS * UTTERANCES, 2))
        frames.append(
            pd.DataFrame(
                {"run": name, "feature": feature,
                 "segment_id": [f"{t}-{u}" for t in range(TALKERS) for u in range(UTTERANCES)],
                 "speaker": np.repeat([f"t{t}" for t in range(TALKERS)], UTTERANCES),
                 "silhouette_plane": 0.5 * tight,
                 "silhouette": 0.6 * tight - 0.2 + 0.1 * rng.standard_normal(len(points)),
                 "probe_correct": (rng.uniform(size=len(points)) < 0.1 + 0.85 * tight).astype(int),
                 "tsne_x": points[:, 0], "tsne_y": points[:, 1]}
            )
        )  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def phonemes(name: str, row: TfRow) -> dict[str, pd.DataFrame]:
    """The four phoneme tables, from drawn pairs of phone and codeword: two codewords in three belong to a phone."""
    rng = generator("phonemes", name)
    total = 1500
    often = 1.0 / np.arange(1, len(PHONES) + 1) ** 0.7
    spoken = [place for place, phone in enumerate(PHONES) if phone != "SIL"]
    names = [PHONES[place] for place in spoken]
    phone = rng.choice(len(PHONES), total, p=often / often.sum())
    owner = np.arange(row.codewords) % len(PHONES)
    counts, information, allocation, maps = [], [], np.zeros(len(PHONES)), np.zeros((len(spoken), len(spoken)))
    for group in range(row.groups):
        own = rng.integers(0, row.codewords // len(PHONES), total) * len(PHONES) + phone
        word = np.where(rng.uniform(size=total) < 0.66, own, rng.integers(0, row.codewords, total))
        table = np.zeros((len(PHONES), row.codewords))
        np.add.at(table, (phone, word), 1)
        p, k = np.nonzero(table)
        counts.append(pd.DataFrame({"run": name, "phone": np.array(PHONES)[p], "group": group, "codeword": k,
                                    "count": table[p, k].astype(int)}))  # fmt: skip
        information.append({"run": name, "group": group, "mutual_information_bits": 2.2 + 0.1 * rng.standard_normal(),
                            "shuffled_bits": 0.9, "shuffled_max_bits": 1.0, "phone_entropy_bits": 3.9,
                            "steps": total})  # fmt: skip
        allocation += np.bincount(owner, minlength=len(PHONES))
        table = table[spoken]
        given_phone = table / np.maximum(table.sum(1, keepdims=True), 1)
        given_word = table / np.maximum(table.sum(0, keepdims=True), 1)
        maps += given_phone @ given_word.T / row.groups
    size, often = len(names), often[spoken]
    whole = pd.DataFrame({"run": name, "phone": np.repeat(names, size), "other": names * size,
                          "probability": maps.ravel(), "prior": np.tile(often / often.sum(), size)})  # fmt: skip
    owned = allocation[spoken] * often
    share = pd.DataFrame({"run": name, "phone": names, "codewords": owned.astype(int), "share": owned / owned.sum()})
    return {"phonemes": pd.concat(counts, ignore_index=True), "phoneme_information": pd.DataFrame(information),
            "phoneme_map": whole, "phoneme_allocation": share}  # fmt: skip


def packets(params: Params, name: str, row: TfRow) -> pd.DataFrame:
    """packets.parquet: quality falls with losses, less so where training has seen them."""
    settings = params.evaluation.tfcodec
    rng = generator("packets", name)
    cases = [("rate", rate, rate) for rate in settings.loss_rates]
    cases += [("burst", float(ms), 0.16) for ms in (0, *settings.burst_ms)]
    cases += [("energy", 0.0, 0.0), ("energy", -1.0, 0.01), ("energy", 0.5, 0.1), ("energy", 1.0, 0.3)]
    frames = []
    for sweep, value, harm in cases:
        lost = {"rate": value, "burst": 0.16 * (value > 0), "energy": 0.1 * (value != 0)}[sweep]
        worse = harm * (1.2 if row.loss_aware else 3.0) + (value / 2000 if sweep == "burst" else 0.0)
        frames.append(pd.DataFrame({"run": name, "segment_id": IDS[:10], "sweep": sweep, "value": value,
                                    "lost_share": lost,
                                    **scores(rng, quality(row) - worse, 10)}))  # fmt: skip
    table = pd.concat(frames, ignore_index=True)
    table["plcmos"] = table["plcmos"].fillna(table["pesq"] + 0.8)
    return table[["run", "segment_id", "sweep", "value", "lost_share", "pesq", "stoi", "plcmos"]]


def wave(clip: int) -> np.ndarray:
    """A clip of voiced bursts."""
    t = np.arange(STEPS * 640) / RATE
    tone = sum(np.sin(2 * np.pi * (120 + 40 * clip) * h * t + h) / h for h in range(1, 30))
    return 0.1 * tone * (0.05 + np.sin(2 * np.pi * 1.3 * t) ** 2)


def pcm(clip: int, level: float) -> np.ndarray:
    """A clip with noise, as int16."""
    noise = generator("noise", str(clip)).standard_normal(STEPS * 640)
    return (32768 * (wave(clip) + level * 0.3 * noise)).clip(-32768, 32767).astype(np.int16)


def features(name: str, row: TfRow) -> dict[str, np.ndarray]:
    """features.npz of two clips."""
    rng = generator("features", name)
    out: dict[str, np.ndarray] = {"segment_ids": np.array(LOOK)}
    for k in range(len(LOOK)):
        x = torch.from_numpy(wave(k).astype(np.float32))[None]
        magnitude = causal_stft(x, 640, 160)[0].abs().numpy()[:: 320 // (BINS - 1)]
        level = 20 * np.log10(magnitude / magnitude.max() + 1e-5)
        frames = level.shape[1]
        encoded = np.sin(np.arange(CHANNELS)[:, None] + np.arange(frames) / 9) * (level.mean(0) + 80) / 60
        predicted = np.roll(encoded, 4, axis=1) * 0.8
        coded = encoded if row.predictor == "none" else (encoded - predicted) * (rng.uniform(size=encoded.shape) < 0.3)
        values = {"spectrum": level, "decoded": level + rng.normal(0, 3, level.shape), "x_r": encoded, "x_n": coded,
                  "x_hat_n": coded + 0.1, "x_hat_r": encoded + 0.05}  # fmt: skip
        values |= {} if row.predictor == "none" else {"x_p": predicted}
        out |= {f"item{k}/{key}": value.astype(np.float16) for key, value in values.items()}
        steps = frames // 4
        out[f"item{k}/indices"] = rng.integers(0, row.codewords, (row.groups, steps)).astype(np.int32)
        out[f"item{k}/bits"] = rng.uniform(0.5, 1.5, steps) * row.target_bits
    return out


def write_classic(folder: Path, codecs: list[ClassicCodec]) -> None:
    """results/classic."""
    folder.mkdir(parents=True)
    frames = []
    sounds = {f"{clip}/clean": pcm(k, 0.0) for k, clip in enumerate(LOOK)}
    for codec in codecs:
        name, kbps, label = codec.name, codec.kbps, codec.label
        level = np.log2(kbps / 4) / 2
        frames.append(
            pd.DataFrame({"run": "classic", "codec": label, "name": name, "kbps_target": float(kbps),
                          "kbps": kbps * 1.01,
                          "segment_id": IDS, "speaker": [f"s{k % 6}" for k in range(CLIPS)],
                          **scores(generator(label), level)})
        )  # fmt: skip
        sounds |= {f"{clip}/{label}": pcm(k, 0.1 / kbps) for k, clip in enumerate(LOOK)}
    pd.concat(frames, ignore_index=True).to_parquet(folder / "items.parquet", index=False)
    np.savez_compressed(folder / "audio.npz", **sounds)  # type: ignore[arg-type]
    titles = {codec.label: TITLES.get(codec.name, codec.name) for codec in codecs}
    told = {"av": "0", "unavailable": {"amr_wb_12.65": "the installed FFmpeg libraries lack it"}, "means": {},
            "test_items": CLIPS, "titles": titles}  # fmt: skip
    (folder / "classic.json").write_text(json.dumps(told))


def write_complexity(root: Path, params: Params) -> None:
    """results/complexity/complexity.json and reports/benchmarks.json."""
    folder = root / "results" / "complexity"
    folder.mkdir(parents=True)
    critic = {f"layer{k + 1}": width for k, width in enumerate((8, 8, 16, 16))}
    critic |= {"stride": 2, "pool": 10, "power": 0.3, "parameters": 1700}
    books = {f"{r.kbps:g}": {"G": r.groups, "K": r.codewords, "cap_bits": r.groups * float(np.log2(r.codewords))}
             for r in params.runs.tfcodec.values()}  # fmt: skip
    sized = {
        size: {"parameters": {k: int(v) for k, v in sizes(scale).items()}, "macs_per_second": sizes(100 * scale),
               "delay_ms": {"window": 40.0, "grouping": 30.0, "total": 70.0, "measured": 69.9375},
               "receptive_field_ms": 280, "discriminator": critic, "codebooks": books}
        for size, scale in (("paper", 1.0), ("here", 0.1))
    }  # fmt: skip
    (folder / "complexity.json").write_text(json.dumps(sized))
    speeds = [("stream_encode", 31.0, 25.0), ("stream_decode", 24.0, 20.0), ("stream_encode_torch", 9.0, None),
              ("stream_decode_torch", 7.0, None), ("encodec_encode", 12.0, None), ("encodec_decode", 9.0, None),
              ("opus_encode", 600.0, None), ("opus_decode", None, None)]  # fmt: skip
    rows = [{"name": name, "value": value, "target": target, "unit": "x real time", "better": "higher",
             "note": "invented", "on_clock": None,
             "what": name, "met": None} for name, value, target in speeds]  # fmt: skip
    path = root / "reports" / "benchmarks.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"machine": {"cpu_count": 2}, "scale": "default", "measurements": rows}))
