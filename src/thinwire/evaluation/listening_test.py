"""A listening test to be run with webMUSHRA: pages, sounds and instructions, for whoever has listeners.

Multiple stimuli with hidden reference and anchor (ITU-R BS.1534-3). webMUSHRA hides the reference among the conditions
by itself and shuffles them; the 3.5 kHz anchor is written here. The recommendation's second anchor, 7 kHz, is left out,
since it can hardly be told from a reference that ends at 8 kHz. The paper's test had neither.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from thinwire import audio as audio_io
from thinwire.artifacts import atomic_path
from thinwire.audio import SAMPLE_RATE
from thinwire.errors import PipelineError

REFERENCE, ANCHOR = "reference", "anchor35"
MAX_CONDITIONS = 12
MAX_S = 12.0
LEVEL_DB = -26.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_ATTENUATION_DB, _EDGES_HZ = 60.0, (3500.0, 4000.0)

_INTRODUCTION = """<p>You will hear short pieces of speech. On each page there is a reference and several versions of
it, in random order. One of them is the reference itself, others are coded more or less well.</p>
<p>Rate the basic audio quality of every version against the reference, from 0 (bad) to 100 (excellent: no difference
can be heard). Listen as often as you like, switch between versions while they play, and give 100 at least once a page.
</p><p>Please use headphones in a quiet room.</p>"""

_README = """# {title}

A listening test for [webMUSHRA](https://github.com/audiolabs/webMUSHRA): {items} items, on each page {systems} systems,
a hidden reference and a low-pass anchor (3.5 kHz), in random order.

## Run it

1. Get webMUSHRA and copy the folder `configs` from here into it.
2. Serve it with PHP, say `php -S localhost:8000` in webMUSHRA's folder (its `service/write.php` stores the results).
3. Open `http://localhost:8000/?config={name}.yaml`.
4. Ratings arrive in `results/{name}/mushra.csv`, one line a rating; `rating_stimulus` holds the names below.

## Conditions

{conditions}

All are mono at {rate} Hz, equally long, and in time with the reference. Within an item all conditions have the same
gain, which brings the reference to {level:g} dB re full scale (less where a condition would clip); differences in level
between systems are kept.

## Evaluate it

ITU-R BS.1534-3 leaves out listeners who rate the hidden reference below 90 in more than 15 % of the items. Report means
with 95 % confidence intervals over listeners and items, and look at the anchor: where it is rated like a system under
test, the test does not tell.
"""


def write_listening_test(
    folder: Path,
    name: str,
    title: str,
    references: Mapping[str, np.ndarray],
    systems: Mapping[str, Mapping[str, np.ndarray]],
) -> None:
    """Write `folder` with `configs/<name>.yaml`, `configs/resources/<name>/<item>/<condition>.wav` and `README.md`.

    `references` holds the items, audio (samples,) at 16 kHz by name; `systems` for each system the same items as it
    gave them back, of equal length. The same arguments give the same bytes. Raises PipelineError where an item is
    missing, differs in length, is silent or longer than 12 s, or a name is no plain file name.
    """
    _check(name, references, systems)
    home = f"configs/resources/{name}"
    with atomic_path(folder, directory=True) as temporary:
        for item, reference in references.items():
            place = temporary / home / item
            place.mkdir(parents=True)
            conditions = {REFERENCE: reference, ANCHOR: low_pass(reference)}
            conditions |= {system: audio[item] for system, audio in systems.items()}
            gain = _gain(reference, conditions)
            for condition, samples in conditions.items():
                audio_io.write(place / f"{condition}.wav", gain * samples)
        text = yaml.safe_dump(_pages(name, title, home, list(references), list(systems)), sort_keys=False, width=110)
        (temporary / "configs" / f"{name}.yaml").write_text(text, "utf-8")
        rows = [f"- `{REFERENCE}`: the hidden reference", f"- `{ANCHOR}`: the reference below 3.5 kHz"]
        readme = _README.format(
            title=title,
            name=name,
            items=len(references),
            systems=len(systems),
            conditions="\n".join(rows + [f"- `{system}`" for system in systems]),
            rate=SAMPLE_RATE,
            level=LEVEL_DB,
        )
        (temporary / "README.md").write_text(readme, "utf-8")


def low_pass(x: np.ndarray) -> np.ndarray:
    """The anchor: x (samples,) at 16 kHz below 3.5 kHz, in time with x; at least 60 dB down from 4 kHz on.

    BS.1534-3 asks for ripples within 0.1 dB below 3.5 kHz, 25 dB at 4 kHz and 50 dB at 4.5 kHz.
    """
    from scipy.signal import firwin, kaiserord, oaconvolve

    taps, beta = kaiserord(_ATTENUATION_DB, (_EDGES_HZ[1] - _EDGES_HZ[0]) / (SAMPLE_RATE / 2))
    response = firwin(taps | 1, sum(_EDGES_HZ) / 2, window=("kaiser", beta), fs=SAMPLE_RATE)
    half = len(response) // 2
    return np.asarray(oaconvolve(x, response)[half : half + len(x)], np.float32)


def _gain(reference: np.ndarray, conditions: Mapping[str, np.ndarray]) -> float:
    peak = max(float(np.abs(samples).max()) for samples in conditions.values())
    return min(10.0 ** ((LEVEL_DB - audio_io.level_db(reference)) / 20.0), (1.0 - 2.0**-15) / peak)


def _pages(name: str, title: str, home: str, items: list[str], systems: list[str]) -> dict[str, Any]:
    trials: list[Any] = [
        {
            "type": "mushra",
            "id": item,
            "name": title,
            "content": "Rate the quality of every version against the reference.",
            "showWaveform": True,
            "enableLooping": True,
            "randomize": True,
            "showConditionNames": False,
            "createAnchor35": False,
            "createAnchor70": False,
            "reference": f"{home}/{item}/{REFERENCE}.wav",
            "stimuli": {condition: f"{home}/{item}/{condition}.wav" for condition in [ANCHOR, *systems]},
        }
        for item in items
    ]
    volume = {
        "type": "volume",
        "id": "volume",
        "name": "Volume",
        "content": "Set a comfortable volume, and leave it there.",
        "stimulus": f"{home}/{items[0]}/{REFERENCE}.wav",
        "defaultVolume": 0.5,
    }
    finish = {
        "type": "finish",
        "name": "Thank you",
        "content": "Please send your ratings.",
        "popupContent": "Your ratings were sent. Thank you!",
        "showResults": False,
        "writeResults": True,
    }
    introduction = {"type": "generic", "id": "introduction", "name": title, "content": _INTRODUCTION}
    return {
        "testname": title,
        "testId": name,
        "bufferSize": 2048,
        "stopOnErrors": True,
        "showButtonPreviousPage": True,
        "remoteService": "service/write.php",
        "pages": [introduction, volume, ["random", *trials], finish],
    }


def _check(name: str, references: Mapping[str, np.ndarray], systems: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    def refuse(what: str) -> None:
        raise PipelineError(f"listening test {name!r}: {what}")

    for text in (name, *references, *systems):
        if not _NAME.fullmatch(text):
            refuse(f"{text!r:.70} cannot name a file; use letters, digits, `_`, `-` and `.`")
    if not references or not systems:
        refuse("needs at least one item and one system")
    if len(systems) + 2 > MAX_CONDITIONS:
        refuse(f"{len(systems)} systems, the reference and the anchor are more than {MAX_CONDITIONS} on a page")
    if taken := {REFERENCE, ANCHOR} & set(systems):
        refuse(f"a system is named {taken.pop()!r}, which webMUSHRA uses itself")
    for item, reference in references.items():
        if reference.ndim != 1 or len(reference) > MAX_S * SAMPLE_RATE or not np.abs(reference).max(initial=0.0) > 0:
            refuse(f"item {item!r}: the reference must be mono, audible and at most {MAX_S:g} s")
        for system, audio in systems.items():
            if item not in audio:
                refuse(f"system {system!r} has no item {item!r}")
            if audio[item].shape != reference.shape or not np.isfinite(audio[item]).all():
                refuse(f"system {system!r}, item {item!r}: expected {len(reference)} finite samples")
