"""Sizes beside those of other formats: bytes with their header against PCM and MP3, and the same clips as FLAC."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import soundfile

from thinwire.audio import SAMPLE_RATE
from thinwire.claims import Verdict
from thinwire.figures.aucom.arithmetic import MP3_KBPS, PCM_KBPS, hours_of_mp3, saving_percent
from thinwire.figures.aucom.curves import points
from thinwire.figures.aucom.runs import TITLES, VARIANTS
from thinwire.figures.aucom.runs import name as system_name
from thinwire.figures.aucom.verdicts import floor_of, judge_holds, judge_pairs
from thinwire.figures.paths import Page

OURS, MP3 = "aucom_v1", "mp3"
SAVING_TAU = 1.0
"""Of the claim on MP3: the point nearest to the 2.5 kbps that 96.1 % imply."""
LARGEST_KBPS = 1.0
LOSSY_KBPS = (128.0, 256.0)
CD_KBPS = 1411.2
SPEECH_CORPUS = "librispeech"


def with_header(items: pd.DataFrame) -> pd.Series:
    """kbit/s of each item with the container's header."""
    return items["kbps"] + 0.008 * items["header_bytes"] / items["seconds"]


def ratio_table(items: pd.DataFrame) -> pd.DataFrame:
    """Each codec at each tau in each corpus: mean rate without and with header (kbps), and the latter as a share of PCM
    (%).
    """
    own = items[items["label"].isin(list(VARIANTS))]
    own = own.assign(kbps_with_header=with_header(own))
    table = own.groupby(["corpus", "label", "tau"], sort=False)[["kbps", "kbps_with_header"]].mean().reset_index()
    table.insert(1, "system", [system_name(label) for label in table["label"]])
    return table.assign(percent_of_pcm=100.0 * table["kbps_with_header"] / PCM_KBPS)


def saving_table(items: pd.DataFrame) -> pd.DataFrame:
    """The same LibriSpeech items as AUCOM v1 at SAVING_TAU and as MP3 at 64 kbps: kbps and score (points) of each, and
    the saving (%). Raises no error where MP3 was not evaluated: the table is then empty.
    """
    own = items[(items["corpus"] == SPEECH_CORPUS)]
    ours = own[(own["label"] == OURS) & (own["tau"] == SAVING_TAU)]
    theirs = own[(own["label"] == MP3) & (own["kbps_nominal"] == MP3_KBPS)]
    if ours.empty or theirs.empty:
        return pd.DataFrame(columns=["segment_id", "kbps", "mp3_kbps", "score", "mp3_score", "saving_percent"])
    columns = {"kbps": _mean(ours), "mp3_kbps": _mean(theirs), "score": points(ours), "mp3_score": points(theirs)}
    table = pd.DataFrame(columns).dropna(subset=["kbps", "mp3_kbps"]).rename_axis("segment_id").reset_index()
    return table.assign(saving_percent=100.0 * (1.0 - table["kbps"] / table["mp3_kbps"]))


def _mean(items: pd.DataFrame) -> pd.Series:
    return items.groupby("segment_id")["kbps"].mean()


def flac_table(clips: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """FLAC (libsndfile's default level) of clips in [-1, 1], 16 bit at 16 kHz: bytes of both and what is saved (%)."""
    rows = []
    for name, samples in clips.items():
        pcm = np.round(32768.0 * samples).clip(-32768, 32767).astype(np.int16)
        stream = io.BytesIO()
        soundfile.write(stream, pcm, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
        size = len(stream.getvalue())
        rows.append((name, pcm.nbytes, size, saving_percent(size, pcm.nbytes)))
    return pd.DataFrame(rows, columns=["segment_id", "pcm_bytes", "flac_bytes", "saving_percent"])


def judge(page: Page, items: pd.DataFrame, flac: pd.DataFrame) -> list[Verdict]:
    """The abstract's 0.39 and 96.1 %, ten hours of MP3, and what lossless formats save."""
    return [_judge_ratio(page, items), _judge_mp3(page, items), _judge_hours(page), _judge_lossless(page, items, flac)]


def _judge_ratio(page: Page, items: pd.DataFrame) -> Verdict:
    claim, table = "aucom.abstract.ratio", ratio_table(items)
    least = table.loc[table.groupby("corpus", sort=False)["kbps_with_header"].idxmin()]
    columns = (least[name] for name in ("corpus", "system", "tau", "kbps_with_header"))
    told = "; ".join(
        f"{TITLES[corpus]}: {kbps:.3g} kbps ({system}, tau {tau:g})"
        for corpus, system, tau, kbps in zip(*columns, strict=True)
    )
    printed = page.claims[claim].paper_value
    holds = round(100.0 / PCM_KBPS, 2) == printed and bool((least["kbps_with_header"] <= LARGEST_KBPS).all())
    measured = float(least["percent_of_pcm"].max())
    return judge_holds(page, claim, measured, holds, [page.evidence("tables", "ratio")], f"least rates: {told}")


def _judge_mp3(page: Page, items: pd.DataFrame) -> Verdict:
    claim, table = "aucom.abstract.mp3_saving", saving_table(items)
    printed = page.claims[claim].paper_value
    assert isinstance(printed, float)
    saved = (1.0 - printed / 100.0) * table["mp3_kbps"] - table["kbps"]
    both = table.dropna(subset=["score", "mp3_score"])
    names = [pair.name for pair in page.claims[claim].rule.pairs]  # type: ignore[union-attr]
    means = table[["saving_percent", "kbps"]].astype(float).mean()
    told = f"mean saving {means['saving_percent']:.2f} % at {means['kbps']:.3g} kbps"
    found = (saved.astype(float), (both["score"] - both["mp3_score"]).astype(float))
    differences = dict(zip(names, found, strict=True))
    evidence = [page.evidence("tables", "mp3_saving"), page.evidence("tables", "arithmetic")]
    floor = floor_of(page, claim, [SPEECH_CORPUS])
    return judge_pairs(page, claim, differences, evidence, told, floor=floor)


def _judge_hours(page: Page) -> Verdict:
    claim, found = "aucom.sec1.mp3_10h", hours_of_mp3()
    printed = page.claims[claim].paper_value
    holds = any(round(found[unit], 1) == printed for unit in ("MB of 10^6", "MiB"))
    told = ", ".join(f"{value:.1f} {unit}" for unit, value in found.items())
    return judge_holds(page, claim, found["MB of 10^6"], holds, [page.evidence("tables", "arithmetic")], told)


def _judge_lossless(page: Page, items: pd.DataFrame, flac: pd.DataFrame) -> Verdict:
    claim = "aucom.sec1.lossless"
    printed = page.claims[claim].paper_value
    assert isinstance(printed, dict)
    saved = float(flac["saving_percent"].mean())
    least, most = (100.0 * kbps / CD_KBPS for kbps in LOSSY_KBPS)
    asked = " to ".join(f"{kbps:g}" for kbps in LOSSY_KBPS)
    told = f"{len(flac)} clips; {asked} kbps of a CD's {CD_KBPS:g}: {least:.1f} to {most:.1f} %"
    rates = _shares(items, ("mp3", "aac"))
    holds = printed["lossless_least"] <= saved <= printed["lossless_most"] if len(flac) else None
    measured = {"lossless": saved, "lossy_least": least, "lossy_most": most}
    return judge_holds(page, claim, measured, holds, [page.evidence("tables", "flac")], "; ".join([told, *rates]))


def _shares(items: pd.DataFrame, labels: Sequence[str]) -> list[str]:
    """Measured rates over 256 kbps, by codec."""
    out = []
    for label in labels:
        rates = items[items["label"] == label].groupby("kbps_nominal")["kbps"].mean() / PCM_KBPS * 100.0
        if len(rates):
            told = ", ".join(f"{share:.3g} % at {nominal:g} kbps" for nominal, share in rates.items())
            out.append(f"{label.upper()} of 256 kbps: {told}")
    return out
