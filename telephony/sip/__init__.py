"""Our SIP user agent's core (RFC 3261 and friends): bytes and commands in, messages to send and events out.

No sockets, no clock, no randomness of its own: the shell in ``telephony.transports`` brings all three.
"""
