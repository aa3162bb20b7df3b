"""A bad network, drawn from a seed: how often and when each datagram arrives. For virtual time; ``relay`` is the same with sockets."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weather:
    """``jitter_ms``: up to so much later, at random. ``reordered``: so often one is held back by 35 ms."""

    delay_ms: float = 40.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    duplicated: float = 0.0
    reordered: float = 0.0


class Network:
    def __init__(self, weather: Weather, seed: int = 7) -> None:
        self.weather = weather
        self.sent = self.lost = 0
        self._dice = random.Random(seed)

    def arrivals(self, at_ms: float) -> list[float]:
        """When a datagram that is sent now arrives: once, never or twice."""
        weather, dice = self.weather, self._dice
        self.sent += 1
        if dice.random() < weather.loss:
            self.lost += 1
            return []
        arrival = at_ms + weather.delay_ms + dice.random() * weather.jitter_ms
        if dice.random() < weather.reordered:
            arrival += 35
        return [arrival, arrival + 1.0] if dice.random() < weather.duplicated else [arrival]
