"""Invented results that the notebooks complexity, latency, transmission and look_inside of AUCOM need beyond those of
`fake_aucom`, in the shapes that stages and benchmarks leave; for tests only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from thinwire.systems.aucom.tables import count_symbols, count_tensors

TIMES = 125


def write_edge(root: Path, taus: list[float]) -> None:
    """models/<codec>/tables.safetensors for the codecs whose look.npz is there, complexity.json, benchmarks."""
    for path in sorted((root / "results").glob("*/look.npz")):
        with np.load(path, allow_pickle=False) as store:
            latent = next((store[name] for name in store.files if name.endswith("/latent")), None)
        if latent is not None:
            write_tables(root / "models" / path.parent.name, latent.shape[0], taus)
    write_complexity(root / "results" / "aucom_complexity")
    write_benchmarks(root / "reports" / "benchmarks.json")


def write_tables(folder: Path, rows: int, taus: list[float]) -> None:
    """Tables of unlike rows; of the last row symbols never leave zero above tau 5."""
    rng = np.random.default_rng([41, *folder.name.encode()])
    mu = rng.normal(0, 0.3, (rows, 1)) + rng.normal(0, 0.05, (rows, TIMES))
    sigma = rng.uniform(0.7, 1.3, (rows, 1)) * rng.uniform(0.95, 1.05, (rows, TIMES))
    latents = rng.standard_normal((60, rows, TIMES))
    latents[:, -1] *= 0.3
    counts = {tau: count_symbols([np.round(latents / tau).astype(np.int32)]) for tau in taus}
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {"mu": mu.astype(np.float32), "sigma": sigma.astype(np.float32)} | count_tensors(counts)
    save_file(tensors, folder / "tables.safetensors")


def line(params: float, lstm: float, macs: float, adds: float, lstm_macs: float = 0.0) -> dict[str, int]:
    """An entry of complexity.json."""
    numbers = {
        "params": params, "params_without_lstm": params - lstm, "macs_per_minute": macs + lstm_macs,
        "macs_without_lstm": macs, "flops_per_minute": 2 * (macs + lstm_macs) + adds,
        "flops_without_lstm": 2 * macs + adds, "flops_counted_as_paper": macs + adds,
    }  # fmt: skip
    return {name: round(value) for name, value in numbers.items()}


def lines(scale: float) -> dict[str, dict[str, int]]:
    """Entries of all feature codecs; 1 is the size with 80 mels."""
    found = {
        "aucom_v1": line(65_282, 39_040, 2.54208e9 * scale, 15.42e6, 230.4e6),
        "aucom_v2": line(62_081, 39_040, 2.44608e9 * scale, 15.39e6, 230.4e6),
        "aucom_v3": line(39_361, 13_000, 1.22304e9 * scale, 7.695e6, 96e6),
        "aucom_deepcod": line(51, 0, 1.44e6 * scale, 0.09e6),
        "aucom_sensing": line(51_200 * scale, 0, 76.8e6 * scale, 0),
    }
    for mode, cost in (("bilinear", 1.2e6), ("bicubic", 2.3e6)):
        for factors, more in (("2x2", 2.0), ("2x4", 1.5), ("4x4", 1.0)):
            found[f"{mode}_{factors}"] = line(0, 0, cost * more * scale, 0)
    return found


LACKING = "cannot be imported; `pip install --no-deps -r requirements-nodeps.lock` installs descript-audio-codec"
"""What is said of DAC where its package is not there."""


def write_complexity(folder: Path, dac: bool = True) -> None:
    """complexity.json, with or without DAC."""
    sizes = {size: {"n_mels": mels, "systems": lines(mels / 80)}
             for size, mels in (("here", 80), ("paper", 80), ("paper_128", 128))}  # fmt: skip
    encodec = line(7_425_792, 3_000_000, 47.007744e9, 292.224e6, 12.58e9)
    neural = {"encodec": ("EnCodec 24 kHz, 6 kbps", 24_000, encodec)}
    if dac:
        neural["dac_16k"] = ("DAC 16 kHz", 16_000, line(21_521_536, 0, 736.530432e9, 1.16736e9))
        neural["dac_44k"] = ("DAC 44.1 kHz", 44_100, line(22_307_968, 0, 666.9312e9, 1.1328e9))
    told: dict[str, Any] = {
        "sizes": sizes,
        "neural": {
            name: {"title": title, "sample_rate": rate, "at_paper_rate": found,
                   "at_own_rate": {way: round(rate / 16_000 * value) for way, value in found.items()}}
            for name, (title, rate, found) in neural.items()
        },
        "unavailable": {} if dac else {name: f"codec {name!r}: {LACKING}" for name in ("dac_16k", "dac_44k")},
        "ratios": {},
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "complexity.json").write_text(json.dumps(told))


def measurement(name: str, value: float | None, unit: str, target: float | None, note: str) -> dict[str, Any]:
    """A row of benchmarks.json."""
    return {"name": name, "what": name, "value": value, "unit": unit, "target": target, "better": "lower", "met": None,
            "repetitions": 3, "peak_mb": None, "note": note}  # fmt: skip


def edge_rows(dac: bool = True) -> list[dict[str, Any]]:
    """Part `edge`, with or without DAC."""
    cpu = "invented; CPU {:g} ms".format
    lacking = f"codec 'dac_16k': {LACKING}"
    return [
        measurement("edge_minute", 96.0, "ms", 100.0, cpu(97.1)),
        *(measurement(f"edge_{name}", value, "ms", None, cpu(value))
          for name, value in (("fbank", 31.0), ("encoder", 61.0), ("coder", 2.4))),
        measurement("edge_memory", 118.0, "MB", 200.0, "invented"),
        measurement("encodec_minute", 4350.0, "ms", None, cpu(4400)),
        measurement("encodec_memory", 402.0, "MB", None, "invented"),
        measurement("dac_16k_minute", 17_800.0 if dac else None, "ms", None, cpu(17_300) if dac else lacking),
        measurement("dac_16k_memory", 1460.0 if dac else None, "MB", None, "invented" if dac else lacking),
    ]  # fmt: skip


def coder_rows() -> list[dict[str, Any]]:
    """Part `coders`."""
    speeds = {"huffman": (43.0, 21.0, 1.0), "arithmetic": (12.0, 6.0, None), "range": (86.0, 30.0, 5.0),
              "rans": (90.0, 35.0, 5.0)}  # fmt: skip
    return [
        measurement(f"coder_{coder}_{way}", value, "Msymbol/s", target, "invented")
        for coder, (encode, decode, target) in speeds.items()
        for way, value in (("encode", encode), ("decode", decode))
    ]


LINK_RATES = {
    "aucom_v1": 1.7, "aucom_v2": 0.9, "aucom_v3": 0.5, "mp3_64": 64.0, "mp3_8": 8.0, "aac_12": 12.2, "pcm": 256.0,
}  # fmt: skip
BANDWIDTHS = (0.3, 5.5, 11.0, 20.0, 27.0, 250.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0, 20_000.0)


def link_rows() -> list[dict[str, Any]]:
    """Parts `link` and `lossy_link`: bytes over bandwidth with a little on top, computing, a faster clock checked, and
    losses.
    """
    rows = []
    for system, rate in LINK_RATES.items():
        computing = 110.0 if system.startswith("aucom") else 40.0
        rows.append(measurement(f"link_compute/{system}", computing, "ms", None, "12 chunks"))
        payload = measurement(f"link_payload/{system}", 60.0 * rate, "kbit", None, "12 chunks, their headers in it")
        rows.append(payload | {"what": f"{system} (invented): a minute (speech of nobody), what is sent"})
        for kbps in BANDWIDTHS:
            minute = 1.05 * 60.0 * rate / kbps + 0.05 + computing / 1000.0
            clock = "true clock" if minute < 1.0 else f"clock {minute * 4:.3g} times as fast"
            rows.append(measurement(f"link/{system}/{kbps:g}", minute, "s", None, f"{clock}; invented"))
            if kbps >= 1000.0:
                alone = minute - computing / 1000.0
                rows.append(measurement(f"link_bytes/{system}/{kbps:g}", alone, "s", None, "true clock; invented"))
            piece = 1.05 * 5.0 * rate / kbps + 0.03 + computing / 12_000.0
            rows.append(measurement(f"link_chunk/{system}/{kbps:g}", piece, "s", None, "true clock; invented"))
    rows += [
        measurement(f"{row}/{name}/{kbps:g}/{lost}", seconds * LINK_RATES[name] / kbps * (1.0 + lost / 20.0), "s", None,
                    "coded beforehand; invented")
        for name in ("aucom_v1", "mp3_8") for kbps in (5.5, 250.0, 1000.0) for lost in (0, 5, 20)
        for row, seconds in (("link_lossy", 60.0), ("link_lossy_chunk", 5.0))
    ]  # fmt: skip
    return [*rows, measurement("link_check/aucom_v1/1000", 1.02, "ratio", None, "0.31 s against 0.3 s, medians")]


def write_benchmarks(path: Path) -> None:
    """Adds the parts of this wing to reports/benchmarks.json, which other wings may have begun."""
    path.parent.mkdir(parents=True, exist_ok=True)
    report = json.loads(path.read_text()) if path.exists() else {"machine": {"cpu_count": 2, "torch": "2.13.0"}}
    rows = report.get("measurements", []) + edge_rows() + coder_rows() + link_rows()
    path.write_text(json.dumps({"scale": "default", **report, "measurements": rows}))
