"""SRTP (RFC 3711) with keys out of a session description, by libsrtp. No sockets: datagrams in, datagrams out."""

from __future__ import annotations

import pylibsrtp

from telephony.wire.sdes import SUITES, Crypto

MAX_BYTES = 1_300
"""A datagram beyond it is not ours (libsrtp's buffer here ends soon after)."""
WINDOW = 512
"""Packets that may come out of order; older ones count as played to us a second time."""
_PROFILES = {
    "AEAD_AES_256_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
    "AEAD_AES_128_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AES_CM_128_HMAC_SHA1_80": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
}
assert _PROFILES.keys() == SUITES.keys()


class Inbound:
    """What they sent: ``rtp`` and ``rtcp`` give it back in the clear, or ``None`` where it isn't theirs or came before."""

    def __init__(self, crypto: Crypto) -> None:
        self.crypto = crypto
        self._session = pylibsrtp.Session(_policy(crypto, pylibsrtp.Policy.SSRC_ANY_INBOUND))

    def rtp(self, data: bytes) -> bytes | None:
        if len(data) > MAX_BYTES:
            return None
        try:
            return self._session.unprotect(data)
        except pylibsrtp.Error:
            return None

    def rtcp(self, data: bytes) -> bytes | None:
        if len(data) > MAX_BYTES:
            return None
        try:
            return self._session.unprotect_rtcp(data)
        except pylibsrtp.Error:
            return None


class Outbound:
    """What we send. The same key must never protect two packets of one number: keep this as long as the key."""

    def __init__(self, crypto: Crypto) -> None:
        self.crypto = crypto
        self._session = pylibsrtp.Session(_policy(crypto, pylibsrtp.Policy.SSRC_ANY_OUTBOUND))

    def rtp(self, data: bytes) -> bytes:
        return self._session.protect(data)

    def rtcp(self, data: bytes) -> bytes:
        return self._session.protect_rtcp(data)


def _policy(crypto: Crypto, ssrcs: int) -> pylibsrtp.Policy:
    policy = pylibsrtp.Policy(key=crypto.key, ssrc_type=ssrcs, srtp_profile=_PROFILES[crypto.suite])
    policy.window_size = WINDOW
    return policy
