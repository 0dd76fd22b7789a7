"""What a server remembers of each stream, so that a further connection goes on where the last one ended."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

from thinwire.errors import BitstreamError
from thinwire.serving.protocol import TOKEN_BYTES, WINDOW, Fault, ServingError


@dataclass(eq=False)
class Session:
    """A stream: its token, the next chunk it has not had, and the results (JSON) that may still be wanted, which are at
    most WINDOW. The lock is held while a chunk is worked on; `left_s` is when its last connection ended.
    """

    token: bytes
    next_seq: int
    acked: int
    results: dict[int, bytes] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    owner: asyncio.Task[None] | None = None
    left_s: float = 0.0

    def acknowledge(self, ack: int) -> None:
        """Forget results before `ack`; raises BitstreamError for an `ack` of what was never answered."""
        if ack > self.next_seq:
            raise BitstreamError(f"ack {ack} is ahead of the {self.next_seq} chunks that there were")
        for seq in range(self.acked, ack):
            self.results.pop(seq, None)
        self.acked = max(self.acked, ack)

    def is_new(self, seq: int) -> bool:
        """Whether a chunk is the next one; raises BitstreamError for one that leaves a gap or is too far ahead."""
        if seq > self.next_seq or seq >= self.acked + WINDOW:
            raise BitstreamError(f"chunk {seq} came where {self.next_seq} was next and {self.acked} not yet had")
        return seq == self.next_seq


class Sessions:
    """At most `most` streams; one without a connection is kept for `resume_s` seconds."""

    def __init__(self, most: int, resume_s: float) -> None:
        self.most, self.resume_s = most, resume_s
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sessions)

    def open(self, token: bytes, ack: int, owner: asyncio.Task[None], now_s: float) -> Session:
        """The stream of a token, or a new one that begins at chunk `ack`, now of connection `owner`.

        A token that is not known (the server began anew, or kept it no longer) begins a new stream there: the sender
        then sends once more what it has no result of. A connection that the stream still had is ended. Raises
        ServingError (BUSY) where every place is taken by a connected stream.
        """
        self._expire(now_s)
        session = self._sessions.get(token)
        if session is None:
            self._make_room()
            # Who knows a token may take a stream over, so it must be beyond guessing; no result depends on it.
            session = Session(secrets.token_bytes(TOKEN_BYTES), ack, ack)
            self._sessions[session.token] = session
        elif session.owner is not None:
            session.owner.cancel()
        session.owner = owner
        return session

    def leave(self, session: Session, owner: asyncio.Task[None], now_s: float) -> None:
        """The connection `owner` of a stream ended; nothing where another one has taken the stream over."""
        if session.owner is owner and session.token in self._sessions:
            session.owner, session.left_s = None, now_s
            self._sessions.move_to_end(session.token)

    def end(self, session: Session) -> None:
        """Forget a stream whose sender has everything."""
        self._sessions.pop(session.token, None)

    def _expire(self, now_s: float) -> None:
        for token in [t for t, s in self._sessions.items() if s.owner is None and s.left_s + self.resume_s < now_s]:
            del self._sessions[token]

    def _make_room(self) -> None:
        if len(self._sessions) < self.most:
            return
        left = next((token for token, session in self._sessions.items() if session.owner is None), None)
        if left is None:
            raise ServingError(f"all {self.most} streams are in use; try again later", Fault.BUSY)
        del self._sessions[left]
