"""The operator's settings of SIP, as the call worker takes them."""

from __future__ import annotations

import hashlib
import hmac
from ipaddress import ip_network

from django.conf import settings

from telephony.transports.sip import Listening
from telephony.trunks.house import Settings

SPARE_CALLS = 20
"""Beyond those that are talked in: they are being set up, refused or taken down."""


def sip_settings(capacity: int) -> Settings:
    listening = Listening(
        hosts=tuple(settings.SIP_HOST),
        port=settings.SIP_PORT,
        tls_port=settings.SIP_TLS_PORT,
        tls_cert=settings.SIP_TLS_CERT,
        tls_key=settings.SIP_TLS_KEY,
        tls_ca=settings.SIP_TLS_CA,
        advertised=settings.SIP_ADVERTISED,
    )
    direct_from = tuple(ip_network(text) for text in settings.SIP_DIRECT_FROM)
    proxy_from = tuple(ip_network(text) for text in settings.SIP_PROXY_FROM)
    # Behind a proxy the answer to one worker's question for a password may come to another.
    key = hmac.new(settings.SECRET_KEY.encode(), b"parley sip nonces", hashlib.sha256).digest() if proxy_from else b""
    return Settings(listening, settings.RTP_PORTS, direct_from, proxy_from, capacity + SPARE_CALLS, key)
