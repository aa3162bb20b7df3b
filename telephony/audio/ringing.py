"""What a caller hears while somebody else's telephone rings, where nobody else makes that sound: made, at ``PLAYOUT_RATE_HZ``. Pure."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from telephony.audio.playout import PLAYOUT_RATE_HZ

HEARD_RMS = 60
"""So loud is what is no silence: then the other side's network makes the ringing, and we don't."""
_LOUD = 3_000.0
Cadence = tuple[tuple[int, ...], tuple[tuple[float, float], ...]]
"""The tones together, and how long they sound and are quiet, in turn."""
_ELSEWHERE: Cadence = ((425,), ((1.0, 4.0),))
"""As most of Europe has it (ETSI TR 101 041)."""
_BY_COUNTRY: dict[str, Cadence] = {
    "+1": ((440, 480), ((2.0, 4.0),)),
    "+44": ((400, 450), ((0.4, 0.2), (0.4, 2.0))),
    "+61": ((400, 450), ((0.4, 0.2), (0.4, 2.0))),
}
"""By how the number begins that the caller called (ITU-T E.180, Supplement 2)."""


def loop(number: str) -> npt.NDArray[np.int16]:
    """One round of ringing, as the callers of this number know it."""
    return _made(next((each for begin, each in _BY_COUNTRY.items() if number.startswith(begin)), _ELSEWHERE))


@lru_cache(maxsize=len(_BY_COUNTRY) + 1)
def _made(cadence: Cadence) -> npt.NDArray[np.int16]:
    tones, rounds = cadence
    parts = []
    for sounds_s, quiet_s in rounds:
        at = np.arange(round(sounds_s * PLAYOUT_RATE_HZ)) / PLAYOUT_RATE_HZ
        edge = np.minimum(1.0, np.minimum(at, at[-1] - at) / 0.01)
        parts += [
            sum(np.sin(2 * np.pi * hz * at) for hz in tones) * edge * _LOUD / len(tones),
            np.zeros(round(quiet_s * PLAYOUT_RATE_HZ)),
        ]
    samples: npt.NDArray[np.int16] = np.rint(np.concatenate(parts)).astype(np.int16)
    samples.setflags(write=False)
    return samples
