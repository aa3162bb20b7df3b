"""Which of the VAD's edges are told on a line with an echo, and when."""

from __future__ import annotations

import numpy as np
import pytest

from agents.speech import AudioFrame
from telephony.audio.playout import SILENCE
from telephony.audio.vad import SpeechStarted, SpeechStopped, VADEdge
from telephony.session.echo_guard import LONGEST_WAIT_MS, EchoGuard
from tests.echo_line import EchoLine
from tests.telephony.test_echo import voice


class Call:
    """The agent speaks from ``agent_ms`` on; ``caller`` from when to when."""

    def __init__(
        self,
        edges: dict[int, VADEdge],
        *,
        echo: EchoLine | None = None,
        caller: tuple[int, int] = (0, 0),
        agent_ms: int = 0,
    ) -> None:
        self.told: list[tuple[int, VADEdge]] = []
        self.happened: list[tuple[str, dict[str, int]]] = []
        guard = EchoGuard(lambda kind, data: self.happened.append((kind, data)))
        agent = voice(1, 4.0, 48_000).reshape(200, -1)
        said = voice(2, 4.0, 16_000).reshape(200, -1)
        dice, played = np.random.default_rng(3), SILENCE
        for tick in range(200):
            begin_ms, now_ms = tick * 20, tick * 20 + 20
            mic = dice.normal(0, 8, 320) + (0 if echo is None else echo.come_back())
            if caller[0] <= begin_ms < caller[1]:
                mic = mic + said[tick]
            _, edges_due = guard.hear(AudioFrame(np.clip(mic, -32_768, 32_767).astype("<i2").tobytes(), 16_000), played)
            if now_ms in edges:
                edges_due = [*edges_due, *guard.edge(edges[now_ms])]
            self.told += [(now_ms, edge) for edge in edges_due]
            played = agent[tick].astype("<i2").tobytes() if begin_ms >= agent_ms else SILENCE
            if echo is not None:
                echo.play(played)


def test_without_an_echo_edges_are_told_as_they_come() -> None:
    edges: dict[int, VADEdge] = {2_100: SpeechStarted(2_000), 3_000: SpeechStopped(2_900)}
    call = Call(edges, caller=(2_000, 2_900))
    assert call.told == list(edges.items())
    assert not call.happened


def test_the_echos_edges_are_not_told_and_the_line_is() -> None:
    call = Call({400: SpeechStarted(210), 1_000: SpeechStopped(900)}, echo=EchoLine(200, 10))
    assert call.told == []
    ((kind, data),) = call.happened
    assert kind == "echo"
    assert abs(data["delay_ms"] - 200) <= 30
    assert abs(data["quieter_db"] - 10) <= 5


def test_a_voice_over_a_known_echo_is_told_at_once() -> None:
    edges: dict[int, VADEdge] = {400: SpeechStarted(210), 600: SpeechStopped(450), 2_220: SpeechStarted(2_000)}
    call = Call(edges, echo=EchoLine(200, 10), caller=(2_000, 3_500))
    assert call.told == [(2_220, SpeechStarted(2_000))]


def test_a_voice_that_begins_while_the_vad_still_hears_the_echo_is_told_too() -> None:
    call = Call({400: SpeechStarted(210)}, echo=EchoLine(200, 10), caller=(2_000, 3_500))
    ((at_ms, edge),) = call.told
    assert isinstance(edge, SpeechStarted)
    assert 2_000 <= edge.at_ms < at_ms <= 2_400


@pytest.mark.parametrize("seed", range(3))
def test_an_edge_never_waits_long(seed: int) -> None:
    edges: dict[int, VADEdge] = {260: SpeechStarted(200), 1_000: SpeechStopped(900)}
    call = Call(edges, caller=(180 + seed * 20, 900), agent_ms=40)
    assert [edge for _, edge in call.told] == list(edges.values())
    assert call.told[0][0] <= 260 + LONGEST_WAIT_MS


def test_a_short_sound_that_was_waiting_is_told_when_it_is_over() -> None:
    edges: dict[int, VADEdge] = {260: SpeechStarted(200), 280: SpeechStopped(240)}
    call = Call(edges, caller=(200, 240), agent_ms=40)
    assert [edge for _, edge in call.told] in ([], list(edges.values())), "an onset without its stop, or a stop alone"


def test_an_echo_that_follows_a_voice_into_which_it_began_is_found_all_the_same() -> None:
    """The VAD hears one long sound: without another look the caller would be thought to speak as long as the agent does."""
    call = Call({240: SpeechStarted(0)}, echo=EchoLine(200, 10), caller=(0, 1_000))
    assert call.told == [(240, SpeechStarted(0))]
    assert [kind for kind, _ in call.happened] == ["echo"]
