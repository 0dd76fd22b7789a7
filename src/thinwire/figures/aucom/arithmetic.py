"""The paper's arithmetic, recomputed: what follows from its own numbers, and what does not."""

from __future__ import annotations

import pandas as pd

from thinwire.figures.paths import Page

PCM_KBPS = 256.0
"""16 bit at 16 kHz."""
MINUTE_S, HOUR_S = 60.0, 3600.0
MP3_KBPS = 64.0


def battery_hours(joule_a_minute: float, volt: float = 3.8, ampere_hours: float = 5.0) -> float:
    """Hours of audio that a battery's energy is enough for, if nothing else drew on it."""
    return ampere_hours * volt * HOUR_S / joule_a_minute / MINUTE_S


def saving_percent(kbps: float, of_kbps: float) -> float:
    """100 (1 - kbps / of)."""
    return 100.0 * (1.0 - kbps / of_kbps)


def hours_of_mp3() -> dict[str, float]:
    """Ten hours at 128 kbps in 10^6 bytes, in 2^20, and in the unit that gives the printed 562.5."""
    size = 10 * HOUR_S * 128_000 / 8
    return {"MB of 10^6": size / 1e6, "MiB": size / 2**20, "thousands of KiB": size / 1024 / 1000}


def latency_saving(seconds: float, mbps: float = 1.0) -> float:
    """100 (1 - t / what a minute of 64 kbps takes on a link)."""
    return 100.0 * (1.0 - seconds / (MINUTE_S * MP3_KBPS / (1000.0 * mbps)))


def arithmetic_table(page: Page) -> pd.DataFrame:
    """Every number that can be recomputed: claim, what is computed, printed, recomputed, unit."""
    mp3, joule = hours_of_mp3(), printed(page, "energy_xiaomi", "joule")
    lines: list[tuple[str, str | None, str, float]] = [
        ("energy_xiaomi", "hours", "5 Ah x 3.8 V x 3600 / 0.79 J / 60", battery_hours(joule)),
        ("abstract.ratio", None, "1 kbps of 256 kbps (16 bit, 16 kHz)", 100.0 / PCM_KBPS),
        ("abstract.mp3_saving", None, "2.5 kbps against MP3 at 64", saving_percent(2.5, MP3_KBPS)),
        ("abstract.mp3_saving", None, "1 kbps against 25.6, a tenth of PCM", saving_percent(1.0, PCM_KBPS / 10.0)),
        ("abstract.mp3_saving", None, "1 kbps against MP3 at 64", saving_percent(1.0, MP3_KBPS)),
        ("abstract.latency", None, "0.2 s and 60 kbit at 1 Mbps against 3.84 s", latency_saving(0.2 + 0.06)),
        ("abstract.latency", None, "0.265 s against 3.84 s", latency_saving(0.265)),
        *(("sec1.mp3_10h", None, f"36000 s of 128 kbit, {unit}", value) for unit, value in mp3.items()),
        ("resample_saving", None, "44.1 kHz over 16 kHz", 44.1 / 16.0),
        *(("table3_order", name, f"operations of {name} over AUCOM's, both printed", _over(page, name))
          for name in ("encodec", "dac")),
    ]  # fmt: skip
    rows = [
        (f"aucom.{claim}", what, printed(page, claim, name), value, page.claims[f"aucom.{claim}"].unit)
        for claim, name, what, value in lines
    ]
    return pd.DataFrame(rows, columns=["claim", "computed", "printed", "recomputed", "unit"])


def printed(page: Page, claim: str, name: str | None = None) -> float:
    """The paper's value of a claim, or the one of that name."""
    value = page.claims[f"aucom.{claim}"].paper_value
    found = value[name] if isinstance(value, dict) and name else value
    assert isinstance(found, float)
    return found


def _over(page: Page, name: str) -> float:
    return printed(page, f"table3_{name}", "gflop") / printed(page, "table3_aucom", "gflop")
