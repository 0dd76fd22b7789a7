"""What a server allows, and what both sides count."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Connections and streams at most; seconds until a next frame begins (or an answer is taken), and for the next 256
    bytes of one that has begun, which LoRa at its slowest needs half of; seconds of silence after which a connection
    gives its place to a new one on a full server; seconds for which a stream without connection is kept; threads that
    decode and run the task.
    """

    connections: int = 256
    streams: int = 1024
    idle_s: float = 30.0
    stall_s: float = 30.0
    yield_s: float = 10.0
    resume_s: float = 300.0
    workers: int = 1


@dataclass
class Counts:
    """What happened since the start: connections taken, those that went on with a stream, refused or replaced for want
    of room, ended for malformed frames or for being slow; chunks answered, of those with an error, and chunks that came
    a second time.
    """

    connections: int = 0
    resumed: int = 0
    crowded: int = 0
    malformed: int = 0
    slow: int = 0
    chunks: int = 0
    failed: int = 0
    repeated: int = 0


@dataclass
class Sent:
    """What went out: chunks and their bytes, once; all bytes of all frames, repeated ones too; connections made."""

    chunks: int = 0
    chunk_bytes: int = 0
    frame_bytes: int = 0
    connections: int = 0
