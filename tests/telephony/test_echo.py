"""The agent's own voice in the caller's sound: found at any delay, taken out, and a caller's voice left in."""

from __future__ import annotations

import numpy as np
import pytest

from telephony.audio.echo import Echo, Verdict
from telephony.audio.playout import SILENCE
from tests.echo_line import EchoLine

Sound = np.ndarray


def voice(seed: int, seconds: float, rate_hz: int, loud: float = 3_000) -> Sound:
    """Syllables: bursts of noise, each of another colour, with gaps."""
    dice = np.random.default_rng(seed)
    parts: list[Sound] = []
    while sum(map(len, parts)) < seconds * rate_hz:
        count = int(dice.uniform(0.08, 0.25) * rate_hz)
        spectrum = np.fft.rfft(dice.standard_normal(count))
        frequency = np.fft.rfftfreq(count, 1 / rate_hz)
        spectrum *= 1 / (1 + ((frequency - dice.uniform(250, 2_200)) / dice.uniform(150, 700)) ** 2)
        burst = np.fft.irfft(spectrum, count) * np.hanning(count)
        parts += [
            burst / np.std(burst) * loud * dice.uniform(0.4, 1),
            np.zeros(int(dice.uniform(0.02, 0.08) * rate_hz)),
        ]
    return np.concatenate(parts)[: round(seconds * rate_hz)]


class Line:
    """Ticks of 20 ms: the agent's voice out, the caller's and the echo in."""

    def __init__(self, echo: EchoLine | None) -> None:
        self.guard = Echo()
        self.echo = echo
        self.voiced = 0
        """Ticks of the last run in which the guard said that a voice was in them."""
        self._played = SILENCE
        self._dice = np.random.default_rng(3)

    def tick(self, agent: Sound | None, caller: Sound | None = None) -> tuple[float, float]:
        """The energy of the caller's tick, before and after."""
        mic = self._dice.normal(0, 8, 320)
        if caller is not None:
            mic += caller
        if self.echo is not None:
            mic += self.echo.come_back()
        pcm = np.clip(mic, -32_768, 32_767).astype("<i2").tobytes()
        after = np.frombuffer(self.guard.hear(pcm, self._played), dtype="<i2").astype(float)
        self._played = SILENCE if agent is None else np.clip(agent, -32_768, 32_767).astype("<i2").tobytes()
        if self.echo is not None:
            self.echo.play(self._played)
        before = np.frombuffer(pcm, dtype="<i2").astype(float)
        return float(np.dot(before, before)), float(np.dot(after, after))

    def run(self, seconds: float, *, agent: int | None = None, caller: int | None = None, loud: float = 3_000) -> float:
        """So long with these voices. How much of the energy is left."""
        ticks = round(seconds * 50)
        agents = None if agent is None else voice(agent, ticks / 50, 48_000).reshape(ticks, -1)
        callers = None if caller is None else voice(caller, ticks / 50, 16_000, loud).reshape(ticks, -1)
        sums = np.zeros(2)
        self.voiced = 0
        for at in range(ticks):
            sums += self.tick(None if agents is None else agents[at], None if callers is None else callers[at])
            self.voiced += self.guard.has_voice()
        return float(sums[1] / sums[0])


@pytest.mark.parametrize("delay_ms", [60, 80, 130, 250, 410, 600])
@pytest.mark.parametrize("quieter_db", [3, 12, 25])
def test_an_echo_is_found_and_taken_out(delay_ms: int, quieter_db: int) -> None:
    line = Line(EchoLine(delay_ms, quieter_db, reverb_ms=80))
    assert line.run(delay_ms / 1000 + 0.4, agent=1) == 1.0
    assert line.guard.judge(300) is Verdict.ECHO
    line.run(0.6, agent=2)
    assert line.guard.delay_ms is not None
    assert abs(line.guard.delay_ms + 20 - delay_ms) <= 15  # a tick lies between what is played and the guard's next
    assert abs(line.guard.quieter_db - quieter_db) <= 5
    assert line.run(2.0, agent=3) < 0.05
    assert not line.guard.has_voice()
    assert line.guard.judge(200) is Verdict.ECHO


@pytest.mark.parametrize("seed", range(12))
def test_a_voice_is_none(seed: int) -> None:
    line = Line(None)
    line.run(1.0, agent=1)
    line.run(0.2, agent=2, caller=30 + seed)
    assert line.guard.judge(200) is Verdict.VOICE
    assert line.guard.delay_ms is None
    assert line.run(1.0, agent=4, caller=60) == 1.0, "nothing may be done to a line without an echo"


@pytest.mark.parametrize(("quieter_db", "loud"), [(6, 3_000), (6, 1_500), (12, 3_000), (12, 1_000), (20, 700)])
def test_a_voice_over_the_echo_stays(quieter_db: int, loud: float) -> None:
    line = Line(EchoLine(200, quieter_db))
    line.run(0.6, agent=1)
    assert line.guard.judge(300) is Verdict.ECHO
    line.run(1.4, agent=2)
    line.run(1.0, agent=3)
    assert line.voiced == 0
    assert line.run(1.0, agent=4, caller=20, loud=loud) > 0.1
    assert line.voiced > 15


def test_before_the_agent_has_spoken_and_long_after_everything_is_a_voice() -> None:
    line = Line(EchoLine(100, 10))
    line.run(0.3, caller=9)
    assert line.guard.judge(200) is Verdict.VOICE
    line.run(0.5, agent=1)
    line.run(1.0)
    assert line.guard.judge(100) is Verdict.VOICE


def test_what_was_there_before_the_agent_is_no_echo_of_it() -> None:
    line = Line(None)
    line.run(0.3, caller=9)
    line.run(0.1, agent=1, caller=10)
    assert line.guard.judge(200, is_calm=False) is Verdict.VOICE


def test_a_telephone_that_is_put_on_the_table_has_a_new_echo() -> None:
    line = Line(EchoLine(80, 20))
    line.run(0.6, agent=1)
    line.guard.judge(300)
    line.run(1.0, agent=2)
    line.echo = EchoLine(320, 6)
    line.run(0.8, agent=3)
    assert line.guard.judge(300) is Verdict.ECHO
    line.run(0.6, agent=4)
    assert line.run(1.0, agent=5) < 0.05


def test_a_device_that_stretches_its_buffer_is_followed() -> None:
    line = Line(EchoLine(200, 10))
    line.run(0.6, agent=1)
    line.guard.judge(300)
    line.run(1.0, agent=2)
    line.echo = EchoLine(218, 10)
    line.run(2.5, agent=3)
    assert line.guard.delay_ms is not None
    assert abs(line.guard.delay_ms + 20 - 218) <= 8


def test_a_voice_taken_for_an_echo_teaches_nothing() -> None:
    """The caller says the very sound that the agent said: once it goes on, it is a voice, and the line is as it was."""
    line = Line(None)
    sound = voice(1, 0.6, 48_000).reshape(30, -1)
    for at in range(30):
        line.tick(sound[at], sound[at - 10].reshape(-1, 3).mean(axis=1) if at >= 10 else None)
    assert line.guard.judge(400) is Verdict.ECHO
    line.run(0.5, agent=2, caller=3)
    assert line.guard.has_voice()
    line.guard.is_voice()
    assert line.guard.delay_ms is None
    assert line.run(1.0, agent=4, caller=5) == 1.0
