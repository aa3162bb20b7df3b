"""A telephone's sound over a socket of its carrier: the two directions, 20 ms at a time. Pure; time is an argument.

The agent's sound is sent a little ahead of time, so that a hiccup here isn't heard there: three frames as a phrase begins, and no
frames for as long when it is over. How much is sent is reckoned from what was sent, and from nothing else: what the carrier tells of
its playback (marks) comes over a way of unknown length, and frames kept back for it leave the carrier with nothing to play. It says
when words are heard, and whether a lot of them still lies there.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from telephony.audio import g711
from telephony.audio.conceal import Concealer
from telephony.audio.fir import Divider, Doubler
from telephony.audio.pacing import PacingQueue
from telephony.audio.playout import FRAME_SAMPLES, PLAYOUT_RATE_HZ, SILENCE, Playout

RATE_HZ = 16_000
"""Of the frames for the session."""
FRAME_MS = 20
LEAD_FRAMES = 3
MOST_AHEAD_MS = 200
SILENT_FRAMES = 10
"""So many are sent; the rest isn't: a carrier that is sent nothing plays nothing."""
MARK_FRAMES = 10
MARKS_IN_A_ROW = 3
"""That are late until the sound is taken to be."""
MARK_LATE_MS = 2_000
"""A mark that hasn't come back so long after it should have is forgotten: nothing waits for it."""
LINE_MS = 60
"""From the carrier's playback to the ear, as a guess."""
START_DELAY_MS = 120
MAX_DELAY_MS = 2_500
_QUIET_ULAW = bytes([g711.SILENCE_ULAW]) * 160


class CallerSound:
    """``push`` what came, ``pull`` one 16 kHz frame whenever it is time."""

    def __init__(self) -> None:
        self.queue = PacingQueue()
        self.concealed = 0
        self._concealer = Concealer(g711.RATE_HZ)
        self._lately: deque[g711.Samples] = deque(maxlen=3)
        """What the concealer needs to know, once it is needed."""
        self._is_concealing = False
        self._doubler = Doubler()

    def push(self, coded: bytes) -> None:
        self.queue.push(coded)

    def pull(self) -> bytes:
        samples = self.queue.pull()
        if samples is None:
            self.concealed += 1
            samples = self._made_up()
        elif self._is_concealing:
            self._is_concealing = False
            samples = np.frombuffer(self._concealer.push(samples.tobytes()), np.int16)
        self._lately.append(samples)
        return self._doubler.push(samples).tobytes()

    def _made_up(self) -> g711.Samples:
        if not self._is_concealing:
            self._is_concealing = True
            for before in self._lately:
                self._concealer.push(before.tobytes())
        return np.frombuffer(self._concealer.conceal(FRAME_MS), np.int16)


@dataclass(frozen=True, slots=True)
class Sound:
    """Send these μ-law bytes."""

    coded: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """Ask to be told when all sound so far was played."""

    number: int


@dataclass(frozen=True, slots=True)
class Clear:
    """Have all that was sent and not played yet thrown away."""


Order = Sound | Mark | Clear


@dataclass(frozen=True, slots=True)
class _Asked:
    number: int
    sent_ms: float
    due_ms: float
    """When all that was sent would have been played, were there no way."""


class AgentSound:
    """``tick`` it once every 20 ms of the call and carry out the orders; tell it of marks that come back."""

    def __init__(self) -> None:
        self.playout: Playout | None = None
        self.skipped = 0
        """Frames left out because the loop came far too late for them."""
        self.delay_ms = START_DELAY_MS
        """From ``pull`` to the caller's ear, as far as is known."""
        self._divider = Divider(PLAYOUT_RATE_HZ // g711.RATE_HZ, FRAME_SAMPLES)
        self._is_flowing = False
        self._silent = 0
        self._owed = 0
        """Frames that were pulled ahead of their time and are made up for in silence."""
        self._sent_until_ms = 0.0
        """When the carrier would have played all that was sent, were there no way."""
        self._held_ms = 0.0
        """What lies at the carrier over and above that, as far as marks tell."""
        self._cuts = 0
        self._is_cut = False
        self._has_sent = False
        """Since the last ``Clear``."""
        self._unmarked = 0
        self._marks = 0
        self._asked: deque[_Asked] = deque(maxlen=64)
        self._late_ms: deque[float] = deque(maxlen=MARKS_IN_A_ROW)
        """How late the last marks came back."""
        self._least_late_ms = math.inf
        """Of all marks: the line itself, there and back, which is no sound that lies anywhere."""
        self._from_number = 1
        """Marks before this one tell of a time before the carrier caught up."""
        self._rtt_ms = 0.0

    def ahead_ms(self, now_ms: float) -> float:
        """What was sent before its time."""
        return max(0.0, self._sent_until_ms - now_ms)

    def round_trip(self, rtt_ms: float) -> None:
        """Of the network, lately. On a stream that was handed on it is a part of the way only."""
        self._rtt_ms = rtt_ms

    def tick(self, now_ms: float) -> list[Order]:
        """After a stall of the loop the ticks that were missed come all at once: as much as may lie ahead is sent then, which
        helps with the next stall; the rest leaves a gap, so that the agent isn't late for as long as it speaks."""
        playout = self.playout
        if playout is None:
            return []
        orders: list[Order] = []
        self._forget_late_marks(now_ms)
        if playout.cuts != self._cuts:
            self._cuts = playout.cuts
            self._throw_away(now_ms, orders)
        elif playout.is_paused and self._sent_until_ms + self._held_ms - now_ms > MOST_AHEAD_MS:
            self._throw_away(now_ms, orders)  # the caller shall not be talked over for that long
        if self.ahead_ms(now_ms) >= MOST_AHEAD_MS:
            self.skipped += 1
            return orders
        if self._owed and not self._is_flowing:
            self._owed -= 1
            return orders
        self._send_next(playout, now_ms, orders)
        return orders

    def marked(self, number: int, now_ms: float) -> None:
        """This mark came back. One that was cleared, or never sent, tells nothing."""
        while self._asked and self._asked[0].number <= number:
            asked = self._asked.popleft()
            if asked.number == number:
                self._learn(asked, now_ms - asked.due_ms)

    def _learn(self, asked: _Asked, late_ms: float) -> None:
        """One late mark says little: it may be us who read it late. Three in a row, all later than the line has ever been, mean that
        so much sound lies at the carrier."""
        self._least_late_ms = min(self._least_late_ms, late_ms)
        self._late_ms.append(late_ms)
        late_ms = min(self._late_ms)
        # Where the ping took longer than a mark's whole way it was read late. What it doesn't explain is taken for the way there.
        return_ms = min(self._rtt_ms, max(0.0, self._least_late_ms)) / 2
        self._take_delay(asked.due_ms - asked.sent_ms - return_ms + LINE_MS + late_ms)
        if asked.number >= self._from_number + MARKS_IN_A_ROW - 1:
            self._held_ms = late_ms - self._least_late_ms

    # ----

    def _send_next(self, playout: Playout, now_ms: float, orders: list[Order]) -> None:
        pcm = playout.pull()
        if self._is_cut:  # a fade-out of what the carrier has thrown away already
            self._is_cut = False
            return
        if pcm == SILENCE:
            self._silent += 1
            if not self._is_flowing:
                return
            if self._silent > SILENT_FRAMES:
                self._is_flowing = False
                self._mark(now_ms, orders)
                return
            self._put(_QUIET_ULAW, now_ms, orders)
            return
        self._silent = 0
        self._put(self._coded(pcm), now_ms, orders)
        if not self._is_flowing:
            self._is_flowing = True
            for _ in range(LEAD_FRAMES - self._owed):
                self._owed += 1
                self._put(self._coded(playout.pull()), now_ms, orders)

    def _coded(self, pcm: bytes) -> bytes:
        return g711.encode_ulaw(self._divider.push(np.frombuffer(pcm, np.int16)))

    def _put(self, coded: bytes, now_ms: float, orders: list[Order]) -> None:
        orders.append(Sound(coded))
        self._has_sent = True
        if now_ms > self._sent_until_ms:  # nothing was sent for so long, and the carrier has caught up by as much
            self._held_ms = max(0.0, self._held_ms - (now_ms - self._sent_until_ms))
            self._sent_until_ms = now_ms
            self._from_number = self._marks + 1
        self._sent_until_ms += FRAME_MS
        self._unmarked += 1
        if self._unmarked >= MARK_FRAMES:
            self._mark(now_ms, orders)

    def _mark(self, now_ms: float, orders: list[Order]) -> None:
        if not self._unmarked:
            return
        self._unmarked = 0
        self._marks += 1
        self._asked.append(_Asked(self._marks, now_ms, self._sent_until_ms))
        orders.append(Mark(self._marks))

    def _throw_away(self, now_ms: float, orders: list[Order]) -> None:
        if self._has_sent:  # also where all of it should have been played: the carrier knows better
            orders.append(Clear())
            self._has_sent = False
        self._is_cut = self._is_flowing and self._silent == 0
        self._asked.clear()
        self._late_ms.clear()
        self._is_flowing, self._unmarked, self._owed = False, 0, 0
        self._sent_until_ms = self._held_ms = 0.0

    def _forget_late_marks(self, now_ms: float) -> None:
        while self._asked and now_ms > self._asked[0].due_ms + MARK_LATE_MS:
            self._asked.popleft()

    def _take_delay(self, heard_ms: float) -> None:
        """Quickly up, slowly down: rather a word too few taken for heard."""
        share = 0.7 if heard_ms > self.delay_ms else 0.2
        self.delay_ms = round(min(MAX_DELAY_MS, max(0.0, self.delay_ms + (heard_ms - self.delay_ms) * share)))
        if self.playout is not None:
            self.playout.delay_ms = self.delay_ms
