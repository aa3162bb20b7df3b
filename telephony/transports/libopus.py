"""libopus by ctypes: finds the library and declares what ``opus`` calls of it (opus.h and opus_defines.h of libopus 1.x).

It comes with PyAV, which aiortc needs; where PyAV was built on this machine, it is the system's.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from functools import lru_cache
from pathlib import Path

import av

APPLICATION_VOIP = 2048
SET_BITRATE, SET_COMPLEXITY, SET_INBAND_FEC, SET_PACKET_LOSS_PERCENT = 4002, 4010, 4012, 4014
GET_LAST_PACKET_DURATION = 4039

_STATE, _NUMBER, _SIZE = ctypes.c_void_p, ctypes.c_int, ctypes.c_int32
_BYTES, _OUT = ctypes.c_char_p, ctypes.c_void_p
_SIGNATURES = {
    "opus_decoder_get_size": (_NUMBER, [_NUMBER]),
    "opus_decoder_init": (_NUMBER, [_STATE, _SIZE, _NUMBER]),
    "opus_decode": (_NUMBER, [_STATE, _BYTES, _SIZE, _OUT, _NUMBER, _NUMBER]),
    "opus_encoder_get_size": (_NUMBER, [_NUMBER]),
    "opus_encoder_init": (_NUMBER, [_STATE, _SIZE, _NUMBER, _NUMBER]),
    "opus_encode": (_SIZE, [_STATE, _BYTES, _NUMBER, _OUT, _SIZE]),
    # Variadic: what follows the request has to be given as a ctypes value, since Apple's processors pass it in another place.
    "opus_decoder_ctl": (_NUMBER, [_STATE, _NUMBER]),
    "opus_encoder_ctl": (_NUMBER, [_STATE, _NUMBER]),
}


@lru_cache(maxsize=1)
def library() -> ctypes.PyDLL:
    """Raises ``OSError`` where there is none.

    ``PyDLL``, which keeps Python's lock: to let go of it for a tenth of a millisecond, and then to wait for it behind another
    thread for up to five, is what would make the event loop late.
    """
    found = _shipped() or ctypes.util.find_library("opus")
    if found is None:
        raise OSError("libopus is not on this machine. Install it: apt-get install libopus0, or brew install opus.")
    opened = ctypes.PyDLL(str(found))
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(opened, name)
        function.restype, function.argtypes = result, arguments
    return opened


def _shipped() -> Path | None:
    """Beside PyAV: its wheels carry the library as a file of its own."""
    package = Path(av.__file__).parent
    folders = (package.parent / "av.libs", package / ".dylibs")
    return next((path for folder in folders for path in sorted(folder.glob("libopus[.-]*"))), None)


def check(code: int, what: str) -> None:
    """Of a call that can't fail. Raises ``RuntimeError`` where it did (opus_defines.h: negative numbers are errors)."""
    if code < 0:
        raise RuntimeError(f"libopus could not {what}: error {code}")
