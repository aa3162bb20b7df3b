"""How much of the trace is kept, and where workers agree on trunks."""

from __future__ import annotations

MOST_OF_A_CALL = 200
"""Messages of one call; of a longer one the first."""
MOST_OF_A_TRUNK = 200
"""Messages of a trunk's own business; of more the newest."""
LEASE = "parley:sip:trunk:"
"""Begins the key in Valkey that says which worker looks after a trunk."""
MOST_CHARACTERS = 8_000
"""Of one message; the rest is cut off, and ``is_cut`` says so."""
