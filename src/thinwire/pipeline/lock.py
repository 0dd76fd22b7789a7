"""`requirements.lock`: exact versions of all that `pyproject.toml` asks for; and `requirements-nodeps.lock`: those of
packages that are installed without their requirements.

Each is one file for Linux and macOS with Python 3.11 and 3.12, written from the environment in use by `make lock`. For
the first the tree of requirements is walked once for each platform, so a package that only some need carries the marker
that says so; the second holds what `tool.thinwire.no-deps` names, and no requirements are followed.
"""

from __future__ import annotations

import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from thinwire.artifacts import atomic_path
from thinwire.errors import PipelineError

LOCK, NO_DEPS_LOCK = Path("requirements.lock"), Path("requirements-nodeps.lock")
EXTRAS = ("dev",)
HEADER = """\
# Exact versions of all that pyproject.toml and its `dev` extra need, on Linux and macOS with Python 3.11 and 3.12.
# Written by `make lock` from the environment in use: edit pyproject.toml instead. torch pins its own CUDA parts.
"""
NO_DEPS_HEADER = """\
# Exact versions of DAC's packages: `pip install --no-deps`, after requirements.lock, which holds the rest of what they
# import. Written by `make lock`; the list and its reason stand in pyproject.toml, `tool.thinwire.no-deps`.
"""
PLATFORMS = {  # name -> what markers see there
    (system, python): {"platform_system": system, "sys_platform": flag, "os_name": "posix", "platform_machine": machine,
                       "python_version": python, "python_full_version": f"{python}.0", "implementation_name": "cpython",
                       "platform_python_implementation": "CPython"}
    for system, flag, machine in (("Linux", "linux", "x86_64"), ("Darwin", "darwin", "arm64"))
    for python in ("3.11", "3.12")
}  # fmt: skip
# What this platform never installs, and so cannot report a version of.
ELSEWHERE = {"appnope": "0.1.4"}
ACCELERATOR = re.compile(r"nvidia-|cuda-|triton")
"""What a CUDA build of torch asks for, and a CPU build does not: which of them is installed is the index's choice."""


def declared(pyproject: Path = Path("pyproject.toml"), extras: Iterable[str] = EXTRAS) -> list[Requirement]:
    """The requirements that `pyproject.toml` names, with those of some extras."""
    project = tomllib.loads(pyproject.read_text("utf-8"))["project"]
    lines = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    return [Requirement(line) for line in lines]


def declared_no_deps(pyproject: Path = Path("pyproject.toml")) -> list[Requirement]:
    """What `tool.thinwire.no-deps` names in `pyproject.toml`."""
    return [Requirement(line) for line in tomllib.loads(pyproject.read_text("utf-8"))["tool"]["thinwire"]["no-deps"]]


def _requires(name: str) -> list[Requirement]:
    try:
        return [Requirement(line) for line in importlib.metadata.requires(name) or []]
    except importlib.metadata.PackageNotFoundError:
        return []


def closure(roots: list[Requirement], environment: dict[str, str]) -> set[str]:
    """The canonical names of all packages that some requirements need in an environment of markers, ACCELERATOR's left
    out."""
    base = {key: str(value) for key, value in default_environment().items()} | environment
    seen: set[tuple[str, str]] = set()
    waiting = [(requirement, "") for requirement in roots]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate(base | {"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        if ACCELERATOR.match(name):
            continue
        for wanted in ("", *requirement.extras):
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                waiting += [(child, wanted) for child in _requires(name)]
    return {name for name, _ in seen}


def _version(name: str, install: str = "-e .[dev]") -> str:
    try:
        return importlib.metadata.version(name).split("+")[0]  # 2.13.0+cpu: the build is the index's choice
    except importlib.metadata.PackageNotFoundError:
        if name in ELSEWHERE:
            return ELSEWHERE[name]
        raise PipelineError(f"`make lock`: {name} is needed but not installed; `pip install {install}` first") from None


def _marker(present: set[tuple[str, str]]) -> str:
    if present == set(PLATFORMS):
        return ""
    systems = {system for system, _ in present}
    pythons = {python for _, python in present}
    parts = []
    if len(systems) == 1:
        parts.append(f'sys_platform == "{"linux" if "Linux" in systems else "darwin"}"')
    if len(pythons) == 1:
        parts.append(f'python_version == "{pythons.pop()}"')
    return " ; " + " and ".join(parts)


def lock_text(pyproject: Path = Path("pyproject.toml")) -> str:
    """The text of the lock for the environment in use."""
    roots = declared(pyproject)
    closures = {key: closure(roots, environment) for key, environment in PLATFORMS.items()}
    names = sorted(set().union(*closures.values()))
    lines = [f"{n}=={_version(n)}{_marker({key for key, found in closures.items() if n in found})}" for n in names]
    return HEADER + "\n".join(lines) + "\n"


def no_deps_text(pyproject: Path = Path("pyproject.toml")) -> str:
    """The text of the lock of packages without their requirements, for the environment in use."""
    names = sorted(canonicalize_name(requirement.name) for requirement in declared_no_deps(pyproject))
    return NO_DEPS_HEADER + "".join(f"{name}=={_version(name, f'--no-deps {name}')}\n" for name in names)


def read_pins(path: Path = LOCK) -> dict[str, str]:
    """Version by canonical name of every line of a lock."""
    pins: dict[str, str] = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        text = line.split("#")[0].strip()
        if text:
            requirement = Requirement(text)
            (pin,) = requirement.specifier
            if pin.operator != "==":
                raise PipelineError(f"{path}: line {number}: {text}: no exact version; run `make lock`")
            pins[canonicalize_name(requirement.name)] = pin.version
    return pins


if __name__ == "__main__":
    for lock, text in {LOCK: lock_text(), NO_DEPS_LOCK: no_deps_text()}.items():
        with atomic_path(lock) as temporary:
            temporary.write_text(text, "utf-8")
        print(f"{lock}: {len(read_pins(lock))} packages", file=sys.stderr)
