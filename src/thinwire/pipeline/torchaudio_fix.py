"""Keep `import torchaudio` working whichever build of torch is installed.

torchaudio's Linux wheel is always built for CUDA, pins no torch, and loads its compiled extension whenever the
files are there; beside a CPU-only torch (or one for another CUDA) that import fails. It treats the extension as
optional when `torchaudio/lib/*.so` are absent, so they are moved aside, and back when a fitting torch arrives.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

UNUSED = ".unused"


def _version_fact(package: Path, pattern: str) -> str | None:
    """A fact from `<package>/version.py`, read as text: importing torch to learn it would take seconds."""
    try:
        found = re.search(pattern, (package / "version.py").read_text("utf-8"), re.MULTILINE)
    except OSError:
        return None
    return found.group(1) if found else None


def adjust(torch: Path, torchaudio: Path) -> str | None:
    """Move the extension of one torchaudio folder aside or back to fit one torch folder; says what was done, or None.

    Raises OSError when the environment's folder is not writable.
    """
    torch_cuda = _version_fact(torch, r"^cuda\b[^=]*=\s*'([\d.]+)'")  # '13.0', or None for a CPU build
    built_for = _version_fact(torchaudio, r"^__version__\s*=\s*'[^'+]*\+cu(\d+)'")  # '130'; None: no CUDA needed
    wants = f"{built_for[:-1]}.{built_for[-1]}" if built_for else None
    fits = wants is None or wants == ".".join((torch_cuda or "").split(".")[:2])
    lib = torchaudio / "lib"
    if fits:
        moves = [(path, path.with_name(path.name.removesuffix(UNUSED))) for path in lib.glob("*.so" + UNUSED)]
    else:
        moves = [(path, path.with_name(path.name + UNUSED)) for path in lib.glob("*.so")]
    for old, new in moves:
        if fits and new.exists():  # a newer torchaudio was installed since: its own files are the right ones
            old.unlink(missing_ok=True)
        elif old.exists():  # another process may have been quicker
            old.replace(new)
    if not moves:
        return None
    if fits:
        return f"torchaudio: {len(moves)} compiled files put back, they fit the installed torch"
    have = f"CUDA {torch_cuda}" if torch_cuda else "CPU only"
    return (
        f"torchaudio: {len(moves)} compiled files for CUDA {wants} moved aside (torch here is {have}); "
        "STFT, mel, resampling and Kaldi features work without them"
    )


def ensure() -> None:
    """Make the installed torchaudio fit the installed torch (milliseconds, imports neither) and say what was done."""
    folders = []
    for name in ("torch", "torchaudio"):
        spec = importlib.util.find_spec(name)
        if spec is None or not spec.submodule_search_locations:
            return
        folders.append(Path(spec.submodule_search_locations[0]))
    try:
        done = adjust(*folders)
    except OSError as error:
        done = f"torchaudio: its compiled files cannot be moved ({error}); if its import fails, make them writable"
    if done:
        print(done, file=sys.stderr)
