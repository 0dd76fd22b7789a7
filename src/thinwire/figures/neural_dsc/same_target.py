"""One target for both wings: the worn microphone's speech, from the bytes of `ndpca` and from those of a conditional
VQ-VAE that sends the worn microphone and knows a far one, heard against one reference."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from thinwire.audio import SAMPLE_RATE
from thinwire.evaluation.ndpca.common import set_up
from thinwire.evaluation.neural_dsc.items import Items, spread
from thinwire.evaluation.neural_dsc.speech import LOUDNESS, listen
from thinwire.figures.neural_dsc.models import decode_items
from thinwire.figures.neural_dsc.runs import form_style, mean_of, own, row_of
from thinwire.figures.neural_dsc.total_rate import sent_too
from thinwire.figures.neural_dsc.two_streams import decode_both
from thinwire.figures.paths import Page
from thinwire.figures.style import ARCH_COLOUR, GREY, caption, key, legend_right
from thinwire.segments import Segments, SegmentStore
from thinwire.systems.ndpca.codec import NdpcaCodec
from thinwire.systems.neural_dsc.speech import waveforms
from thinwire.training.build import DATA

ITEMS = 16
LABEL = {"stoi": "STOI (1)", "pesq": "PESQ-wb (MOS-LQO)"}
TICKS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
UNCODED = "microphone 1 as it is"


def table(page: Page, codecs: Mapping[str, str], items: pd.DataFrame, ndpca: Sequence[str]) -> pd.DataFrame:
    """A row a system and rate: system (run, or `UNCODED`), family, known (to the decoder, for nothing), kbps (payload;
    of family `both` with that of the y that the run of `codecs` beside it sends), stoi and pesq against the worn
    microphone with their 95 % intervals, n items.
    """
    decoded = {run: decode_items(page, run) for run in codecs}
    first = next(iter(decoded.values())).items
    chosen = spread(len(first), ITEMS)
    assert first.audio is not None
    reference = first.audio[chosen]
    segments = _segments(page, first, chosen, row_of(page, next(iter(codecs)))["data"])
    spectrum, iterations = page.params.systems.neural_dsc.spectrum, page.params.evaluation.ndpca.griffin_lim_iterations
    rows = [_row(page, UNCODED, "none", "everything", np.nan, segments.noisy[:, 0], reference)]
    rates = own(items).groupby("run")["kbps"].mean()
    for run, y_run in codecs.items():
        known, both = decoded[run].outputs["correct"], decode_both(page, decoded[run], y_run)
        for family, free, kbps, maps in (("close", "microphone 1", rates[run], known),
                                         ("both", "nothing", rates[run] + rates[y_run], both)):  # fmt: skip
            sound = waveforms(maps[chosen.tolist()], decoded[run].net.row.domain, spectrum, iterations)
            rows.append(_row(page, run, family, free, kbps, sound, reference))
    for run in ndpca:
        for kbps, sound in _decoded(page, run, segments):
            rows.append(_row(page, run, page.params.run(run).arch, "nothing", kbps, sound, reference))
    return pd.DataFrame(rows)


def _segments(page: Page, items: Items, chosen: np.ndarray, corpus: str) -> Segments:
    with contextlib.chdir(page.root):
        whole = SegmentStore(DATA / corpus).load("eval")
    place = pd.Index(whole.table["segment_id"]).get_indexer(pd.Index(items.table["segment_id"].iloc[chosen]))
    return Segments(whole.table.iloc[place].reset_index(drop=True), whole.noisy[place], whole.clean[place])


def _decoded(page: Page, run: str, segments: Segments) -> list[tuple[float, np.ndarray]]:
    """Mean payload (kbit/s) and waveforms (n, samples) for the dearest rates of `evaluation.ndpca.kbps_grid`."""
    settings = page.params.evaluation.ndpca
    with contextlib.chdir(page.root):
        bench = set_up(page.params, run)
    codec = NdpcaCodec(bench.model, next(iter(bench.bottlenecks.values())), settings.griffin_lim_iterations)
    out = []
    for target in sorted(settings.kbps_grid)[-4:]:
        streams = [codec.encode(noisy, 1000.0 * target) for noisy in segments.noisy]
        payload = np.mean([codec.rate(stream).payload for stream in streams])
        seconds = segments.noisy.shape[-1] / SAMPLE_RATE
        out.append((float(payload / seconds / 1000.0), np.stack([codec.decode(stream) for stream in streams])))
    return out


def _row(
    page: Page, system: str, family: str, known: str, kbps: float, sound: np.ndarray, reference: np.ndarray
) -> dict[str, Any]:
    """One system's scores; sounds are cut to the stretch that the reference covers."""
    row: dict[str, Any] = {"system": system, "family": family, "known": known, "kbps": kbps}
    scores = np.array([listen(_level(x), _level(y[: len(x)])) for x, y in zip(reference, sound, strict=True)])
    for name, column in zip(LABEL, scores.T, strict=True):
        found = mean_of(page, column)
        row |= {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high, "n": found.items}
    return row


def _level(x: np.ndarray) -> np.ndarray:
    return np.asarray(LOUDNESS * x / max(float(np.sqrt(np.mean(np.square(x)))), 1e-9))


def draw(rows: pd.DataFrame, note: str) -> Figure:
    """STOI and PESQ of the worn microphone's speech against the total rate."""
    fig, panels = plt.subplots(1, len(LABEL), figsize=(12.4, 4.0), sharex=True)
    looks = {"close": form_style("distributed"), "both": sent_too(), **{arch: _look(arch) for arch in ("E1D1", "E4D1")}}
    for axes, measure in zip(panels, LABEL, strict=True):
        for family, look in looks.items():
            part = rows[rows["family"] == family].sort_values("kbps")
            low, high = (abs(part[measure] - part[f"{measure}_{end}"]) for end in ("low", "high"))
            axes.errorbar(part["kbps"], part[measure], [low, high], capsize=2, elinewidth=1.0, **look)
        axes.axhline(rows.set_index("system").loc[UNCODED, measure], color=GREY, linestyle=":", linewidth=1.2)
        axes.set_xscale("log")
        axes.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
        axes.minorticks_off()
        axes.set(xlabel="rate (kbit/s, bytes)", ylabel=LABEL[measure])
    legend_right(fig, [
        key("worn microphone sent,\nmicrophone 1 known", **looks["close"]),
        key("the same, microphone 1\nsent too, at that rate", **looks["both"]),
        key("ndpca: four microphones,\nan encoder each (E4D1)", **looks["E4D1"]),
        key("ndpca: one encoder\nfor all (E1D1)", **looks["E1D1"]),
        key(UNCODED, color=GREY, linestyle=":"),
    ])  # fmt: skip
    caption(
        fig,
        "All are held against the worn microphone's speech, on the same segments and at one level; waveforms by "
        "Griffin-Lim. ndpca never has the worn microphone: its encoders hear the four far ones, so it enhances as it "
        "codes. Where microphone 1 is sent too, it is known as it comes out of its bytes. Bars: 95 % bootstrap "
        f"over segments. {note}",
    )
    return fig


def _look(arch: str) -> dict[str, Any]:
    return {"color": ARCH_COLOUR[arch], "marker": "D", "linestyle": "--"}
