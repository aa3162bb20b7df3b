"""SIP trunks, and the messages that went over them.

What the pages and the API may rely on:

- A ``Trunk`` is somebody's telephone system or SIP provider. Members write everything but its ``state…`` fields: those are the call
  worker's, which holds the trunk from a few seconds after it was saved. ``state_words`` is a sentence for people.
- A ``PhoneNumber`` has an ``account`` or a ``trunk``, never both. On a trunk ``number`` is what the trunk calls it: E.164, or an
  extension such as "200". ``Call.trunk`` is set for calls that came or went by one; a call to an agent's own SIP address has none.
- ``SipMessage`` rows are the trace, oldest first within a call (``call.sip_messages``) or a trunk (``trunk.sip_messages``:
  registrations and keepalives, without a call). They are appended by the call worker while the call runs, and never changed.
  How many are kept: ``telephony.trunks.limits``.
"""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from accounts.tenancy import Owned


class Trunk(Owned):
    """Somebody's telephone system or SIP provider, and how we are known there."""

    class Transport(models.TextChoices):
        UDP = "udp", "UDP"
        TCP = "tcp", "TCP"
        TLS = "tls", "TLS"

    class Srtp(models.TextChoices):
        OFF = "off", "Never"
        OPTIONAL = "optional", "Where the other side can"
        MANDATORY = "mandatory", "Always"

    class PutsThrough(models.TextChoices):
        ASK = "ask", "By asking the trunk, else by calling"
        CALL = "call", "By calling, always"

    class State(models.TextChoices):
        WAITING = "waiting", "Not tried yet"
        REGISTERED = "registered", "Registered"
        REACHABLE = "reachable", "Reachable"
        FAILED = "failed", "Doesn't work"

    label = models.CharField(max_length=120)
    preset = models.CharField(max_length=40, blank=True)
    """A key of ``telephony.trunks.presets.PRESETS`` that the fields were filled from; "": by hand."""
    host = models.CharField(max_length=253)
    """The provider's domain or address: in the addresses we make, and where calls go unless ``proxy`` is set."""
    proxy = models.CharField(max_length=253, blank=True)
    """Where messages go instead of to ``host``."""
    port = models.PositiveIntegerField(default=0)
    """Of ``proxy`` or ``host``. 0: what its SRV record says, else 5060 (5061 with TLS)."""
    transport = models.CharField(max_length=3, choices=Transport.choices, default=Transport.UDP)
    username = models.CharField(max_length=120, blank=True)
    """Who we are there: the user that registers."""
    auth_user = models.CharField(max_length=120, blank=True)
    """Who signs in, where it isn't ``username``."""
    realm = models.CharField(max_length=253, blank=True)
    """The only one whose question for the password is answered; "": any that the trunk asks with."""
    credential = models.CharField(max_length=80, blank=True)
    """The stored key's name (``accounts.credentials``), bound to ``sip://host``; "": no password."""
    registers = models.BooleanField(default=False)
    """We tell the trunk where we are, again and again; else it knows our address."""
    sources = models.JSONField(default=list, blank=True)
    """Networks that its calls come from (["203.0.113.0/24"]). Empty: the addresses that ``host`` and ``proxy`` stand for."""
    asks_password = models.BooleanField(default=False)
    """Who calls us over it must sign in with ``username`` and the password: for telephones and systems whose address changes."""
    transfer_hosts = models.JSONField(default=list, blank=True)
    """Hosts besides its own that it may send a call of ours on to (3xx, REFER)."""
    puts_through = models.CharField(max_length=4, choices=PutsThrough.choices, default=PutsThrough.ASK)
    """How a number's callers are put through to another: by REFER where it is taken, or by a call of ours in any case."""
    may_transfer = models.BooleanField(default=False)
    """The other side may ask us to call somebody else, and have the agent go on there (REFER)."""
    srtp = models.CharField(max_length=9, choices=Srtp.choices, default=Srtp.OPTIONAL)
    codecs = models.JSONField(default=list, blank=True)
    """Of "opus", "g722", "pcmu", "pcma", the best first. Empty: all, in this order."""
    caller_id = models.CharField(max_length=40, blank=True)
    """Whom calls over it come from, where it isn't the number that is called from."""
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    state_words = models.CharField(max_length=300, blank=True)
    state_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(auto_now=True)
    """When it was last saved by a member; ``state…`` are written past this."""

    class Meta:
        ordering = ["label", "created_at"]

    def __str__(self) -> str:
        return self.label

    @property
    def address(self) -> str:
        """What its password is bound to. Without a host it is only compared with what others prove, and sent nowhere."""
        host = f"[{self.host}]" if ":" in self.host else self.host or "nowhere.invalid"
        return f"sip://{host}"


class SipMessage(Owned):
    """One SIP message as it went over the network, without its secrets. It belongs to a call, or to a trunk's own business."""

    class Direction(models.TextChoices):
        IN = "in", "Received"
        OUT = "out", "Sent"

    call = models.ForeignKey(
        "telephony.Call", null=True, blank=True, on_delete=models.CASCADE, related_name="sip_messages"
    )
    trunk = models.ForeignKey(Trunk, null=True, blank=True, on_delete=models.CASCADE, related_name="sip_messages")
    number = models.PositiveBigIntegerField()
    """Counts up in the worker: the order of those whose time is the same."""
    at = models.DateTimeField(default=timezone.now)
    direction = models.CharField(max_length=3, choices=Direction.choices)
    """As we see it."""
    peer = models.CharField(max_length=80)
    """Where it came from or went: "192.0.2.7:5060"."""
    transport = models.CharField(max_length=3, choices=Trunk.Transport.choices)
    start_line = models.CharField(max_length=300)
    """ "INVITE sip:+14155550142@example.com SIP/2.0", or "SIP/2.0 200 OK"."""
    dialog = models.CharField(max_length=200, blank=True)
    """Its Call-ID."""
    cseq = models.CharField(max_length=40, blank=True)
    """ "1 INVITE": what it asks, or what it answers."""
    text = models.TextField(blank=True)
    """All of it. Passwords' proofs (Authorization and its kin) and the keys of encrypted sound are replaced by "…"."""
    is_cut = models.BooleanField(default=False)
    """It was longer."""

    class Meta:
        ordering = ["at", "number"]
        indexes = [
            models.Index(fields=["call", "at", "number"], name="sip_messages_of_a_call"),
            models.Index(fields=["trunk", "at", "number"], name="sip_messages_of_a_trunk"),
        ]

    def __str__(self) -> str:
        return self.start_line
