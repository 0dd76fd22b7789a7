"""The room with its talkers and microphones (Fig. 5), from above and from the side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile as sf
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinwire.artifacts import read_json
from thinwire.claims import Verdict, judge_exact, judge_shown
from thinwire.corpora.chime6 import find_sessions
from thinwire.figures.paths import Page
from thinwire.figures.style import GREY, SOURCE_COLOUR, blank, caption, key
from thinwire.segments import SegmentStore

TALKER_COLOUR = "#0072B2"
NOISE_COLOUR = "black"


@dataclass(frozen=True)
class Scene:
    """One session: its name, split, geometry (None: not known), and the channels that are coded (`U01.CH1`, ...)."""

    session: str
    split: str
    geometry: dict[str, Any] | None
    used: list[str]
    note: str


def load_scene(page: Page, session: str | None = None) -> Scene:
    """The geometry the simulator left beside a session (a real corpus has none); by default the first test session."""
    chime6 = page.params.corpora.chime6
    store = SegmentStore(page.path("data", "segments", "chime6"))
    table = store.table[store.table["split"] == page.params.evaluation.ndpca.split]
    names = sorted(table["session"].unique())
    session = session or names[0]
    split = store.table[store.table["session"] == session]["split"].iloc[0]
    path = page.root / "data" / "sim" / "chime6" / "scene" / split / f"{session}.json"
    if chime6.root is not None or not path.is_file():
        return Scene(session, split, None, chime6.sources, "a real recording: no geometry is known")
    shoebox = page.params.simulate.rooms.source == "pyroomacoustics"
    how = "by an image-source model" if shoebox else "with measured responses where its split has any"
    return Scene(session, split, read_json(path), chime6.sources, f"simulated {how}")


def sessions(page: Page) -> list[str]:
    """Every session that has segments."""
    return sorted(SegmentStore(page.path("data", "segments", "chime6")).table["session"].unique())


def places(scene: Scene) -> pd.DataFrame:
    """Everything with a known place: kind, name, x_m, y_m, z_m, snr_db (microphones), coded (one of the coder's
    sources).
    """
    rows: list[dict[str, Any]] = []

    def put(kind: str, name: str, place: Any, snr_db: float = float("nan")) -> None:
        if place is not None:
            x, y, z = place
            rows.append(
                {
                    "kind": kind,
                    "name": name,
                    "x_m": x,
                    "y_m": y,
                    "z_m": z,
                    "snr_db": snr_db,
                    "coded": name in scene.used,
                }
            )

    geometry = scene.geometry or {}
    for talker in geometry.get("talkers", []):
        put("talker", talker["speaker"], talker.get("position_m"))
        for side, ear, worn in zip("LR", talker.get("ears_m") or [], talker["worn"], strict=False):
            put("worn microphone", f"{talker['speaker']}.{side}", ear, worn["snr_db"])
    for array in geometry.get("arrays", []):
        for channel in array["channels"]:
            put(
                "array microphone",
                f"{array['array']}.{channel['channel']}",
                channel.get("position_m"),
                channel["snr_db"],
            )
    for noise in geometry.get("noises", []):
        put("noise", noise["kind"], noise.get("position_m"))
    return pd.DataFrame(rows, columns=["kind", "name", "x_m", "y_m", "z_m", "snr_db", "coded"])


def _view(axes: Axes, table: pd.DataFrame, across: str, up: str, sides: tuple[float, float], used: list[str]) -> None:
    axes.add_patch(plt.Rectangle((0, 0), *sides, fill=False, linewidth=2.0, color="black", zorder=1))
    marks = {"noise": ("X", NOISE_COLOUR, 52), "worn microphone": (".", GREY, 22), "talker": ("o", TALKER_COLOUR, 90)}
    for kind, (mark, colour, size) in marks.items():
        part = table[table["kind"] == kind]
        axes.scatter(part[across], part[up], marker=mark, color=colour, s=size, zorder=3)
    if up == "y_m":  # from the side, names would lie on each other
        _names(axes, table, centre=np.array(sides) / 2)
    arrays = table[table["kind"] == "array microphone"]
    plain = arrays[~arrays["coded"]]
    axes.scatter(plain[across], plain[up], marker="s", color="#b9b9b9", s=16, zorder=3)
    for row in arrays[arrays["coded"]].itertuples():
        colour = SOURCE_COLOUR[used.index(str(row.name)) % len(SOURCE_COLOUR)]
        axes.scatter(
            getattr(row, across),
            getattr(row, up),
            marker="s",
            color=colour,
            edgecolor="black",
            linewidth=0.6,
            s=52,
            zorder=4,
        )
    axes.set_aspect("equal")
    axes.set_xlim(-0.25, sides[0] + 0.25)
    axes.set_ylim(-0.2, sides[1] + 0.25)


def _names(axes: Axes, table: pd.DataFrame, centre: np.ndarray) -> None:
    """Names of talkers, and of arrays on the side that faces the middle of the room."""
    style: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": "center", "fontsize": 8}
    for row in table[table["kind"] == "talker"].itertuples():
        axes.annotate(str(row.name), (row.x_m, row.y_m), xytext=(0, 12), **style)
    arrays = table[table["kind"] == "array microphone"]
    for name, part in arrays.groupby(arrays["name"].str.split(".").str[0]):
        x, y = part["x_m"].mean(), part["y_m"].mean()
        inward = (14 * np.sign(centre[0] - x), 12 * np.sign(centre[1] - y))
        axes.annotate(str(name), (x, y), xytext=inward, color=GREY, **style)


def draw_room(scene: Scene) -> Figure:
    """Fig. 5: the room from above and from the side; without a geometry the figure says so."""
    table = places(scene)
    if scene.geometry is None or scene.geometry["room"].get("dimensions_m") is None or table.empty:
        return blank(f"{scene.session}: {scene.note}; nothing to draw")
    x, y, z = scene.geometry["room"]["dimensions_m"]
    # Both views share one scale, so their places are computed and not left to a layout engine.
    wide, pad = 5.4, (0.7, 1.0)
    high, low = (wide / (x + 0.5) * (side + 0.45) for side in (y, z))
    size = (wide + pad[0] + 2.2, high + low + pad[1] + 1.0)
    fig = plt.figure(figsize=size, layout="none")
    side = fig.add_axes((pad[0] / size[0], pad[1] / size[1], wide / size[0], low / size[1]))
    top = fig.add_axes((pad[0] / size[0], (pad[1] + low + 0.6) / size[1], wide / size[0], high / size[1]), sharex=side)
    _view(top, table, "x_m", "y_m", (x, y), scene.used)
    _view(side, table, "x_m", "z_m", (x, z), scene.used)
    room = scene.geometry["room"]
    top.set(ylabel="y (m)", title=f"{scene.session} from above: {x:g} x {y:g} x {z:g} m, RT60 {room['rt60_s']:g} s")
    side.set(xlabel="x (m)", ylabel="height (m)", title="from the side")
    keys = [
        key("talker", color=TALKER_COLOUR, marker="o", linestyle="none", markersize=9),
        key("worn microphones", color=GREY, marker=".", linestyle="none"),
        key("array microphone", color="#b9b9b9", marker="s", linestyle="none"),
    ]
    for index, name in enumerate(scene.used):
        keys.append(
            key(
                f"coded source {name}",
                color=SOURCE_COLOUR[index % len(SOURCE_COLOUR)],
                marker="s",
                markeredgecolor="black",
                linestyle="none",
            )
        )
    keys.append(key("noise", color=NOISE_COLOUR, marker="X", linestyle="none"))
    fig.legend(keys, [str(handle.get_label()) for handle in keys], loc="upper right", alignment="left")
    caption(fig, f"Test session {scene.session}, room {room['id']}, {scene.note}. No model is shown here.")
    return fig


def counts(page: Page, scene: Scene) -> pd.DataFrame:
    """What the drawn session has, beside the paper's Fig. 5 and beside CHiME-6: what, here, paper, chime6."""
    folder = (
        Path(page.params.corpora.chime6.root)
        if page.params.corpora.chime6.root
        else page.root / "data" / "sim" / "chime6"
    )
    talkers, arrays = session_devices(folder, scene.session)
    rows = [
        ("talkers", talkers, 8, 4),
        ("microphone arrays", arrays, 6, 6),
        ("coded sources", len(scene.used), 4, None),
    ]
    return pd.DataFrame(rows, columns=["what", "here", "paper", "chime6"])


def session_devices(folder: Path, session: str) -> tuple[int, int]:
    """Talkers (worn devices) and arrays of a session, counted from the corpus' own files."""
    found = next(item for item in find_sessions(folder) if item.name == session)
    names = [path.name for path in found.audio.iterdir() if path.name.startswith(f"{session}_")]
    worn = {name.split("_")[1].split(".")[0] for name in names if name.startswith(f"{session}_P")}
    arrays = {name.split("_")[1].split(".")[0] for name in names if name.startswith(f"{session}_U")}
    return len(worn), len(arrays)


def judge(page: Page, table: pd.DataFrame) -> list[Verdict]:
    """Fig. 5's counts, and appendix A's data format; `table` is `counts`."""
    here = table.set_index("what")["here"]
    measured = {"speakers": float(here["talkers"]), "mics": float(here["microphone arrays"])}
    folder = page.path("data", "segments", "chime6")
    store = SegmentStore(folder)
    rates, fits = set(), True
    for noisy, clean in store.table[["noisy_path", "clean_path"]].drop_duplicates().itertuples(index=False):
        pair = sf.info(folder / noisy), sf.info(folder / clean)
        rates |= {info.samplerate for info in pair}
        fits &= (
            pair[0].frames == pair[1].frames
            and pair[1].channels == 1
            and pair[0].channels == len(store.table["sources"].iloc[0])
        )
    return [
        judge_shown(
            page.claims["ndpca.fig5_room"],
            {"speakers": measured["speakers"] == 8, "mics": measured["mics"] == 6},
            measured,
            evidence=[page.evidence("figures", "room"), page.evidence("tables", "counts")],
        ),
        judge_exact(
            page.claims["ndpca.data_rate"],
            float(max(rates)),
            rates == {16000} and fits,
            reason=f"{len(store.table)} segments, {len(store.table['sources'].iloc[0])} sources",
            evidence=[page.evidence("tables", "counts")],
        ),
    ]
