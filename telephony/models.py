"""Calls as they are kept: the record, its turns, its events, its recording."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from accounts.tenancy import Owned


class CarrierAccount(Owned):
    """An organization's account at a telephone company. Its secret is a stored key (``accounts.credentials``)."""

    class Provider(models.TextChoices):
        TWILIO = "twilio", "Twilio"
        SIGNALWIRE = "signalwire", "SignalWire"
        TELNYX = "telnyx", "Telnyx"
        PLIVO = "plivo", "Plivo"

    provider = models.CharField(max_length=20, choices=Provider.choices, default=Provider.TWILIO)
    sid = models.CharField(max_length=64)
    """What the carrier calls it."""
    label = models.CharField(max_length=120, blank=True)
    credential = models.CharField(max_length=80)
    """The stored key's name."""
    details = models.JSONField(default=dict, blank=True)
    """What is no secret and belongs to it: where its REST API is, the key that checks what the carrier signs."""

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "provider", "sid"], name="one_carrier_account_a_sid")
        ]

    def __str__(self) -> str:
        return self.label or self.sid


class PhoneNumber(Owned):
    """A number that rings here, by a carrier's account or over a SIP trunk. ``agent`` answers with what is published of it;
    ``None``: calls are refused."""

    account = models.ForeignKey(CarrierAccount, null=True, blank=True, on_delete=models.PROTECT, related_name="numbers")
    trunk = models.ForeignKey(
        "telephony.Trunk", null=True, blank=True, on_delete=models.PROTECT, related_name="numbers"
    )
    number = models.CharField(max_length=20)
    """E.164: +14155550142. On a trunk it may be an extension: 200."""
    sid = models.CharField(max_length=64, blank=True)
    """What the carrier calls it."""
    label = models.CharField(max_length=120, blank=True)
    agent = models.ForeignKey(
        "agents.Agent", null=True, blank=True, on_delete=models.SET_NULL, related_name="phone_numbers"
    )
    answering = models.JSONField(default=dict)
    """What was changed of ``telephony.answering.Answering``."""
    before = models.JSONField(default=dict)
    """Where the carrier led its calls before it was imported: put back when it is removed."""

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "number"],
                condition=models.Q(trunk=None) | models.Q(number__startswith="+"),
                name="one_phone_number_a_number",
            ),
            models.UniqueConstraint(
                fields=["trunk", "number"], condition=models.Q(trunk__isnull=False), name="one_phone_number_a_trunk"
            ),
            # Calls over a trunk are told apart by their number: nobody may take those of another organization.
            models.UniqueConstraint(
                fields=["number"],
                condition=models.Q(trunk__isnull=False, number__startswith="+"),
                name="one_phone_number_on_all_trunks",
            ),
            models.CheckConstraint(
                condition=models.Q(account=None, trunk__isnull=False) | models.Q(account__isnull=False, trunk=None),
                name="a_phone_number_is_at_one_carrier",
            ),
        ]

    def __str__(self) -> str:
        return self.label or self.number


class Call(Owned):
    """One call. It is claimed by a worker with a lease the worker renews; a reaper ends the calls of dead workers."""

    class Status(models.TextChoices):
        QUEUED = "queued", "Waiting for a worker"
        IN_PROGRESS = "in_progress", "In progress"
        ENDED = "ended", "Ended"

    class Channel(models.TextChoices):
        WEB = "web", "Web"
        PHONE = "phone", "Phone"

    class Direction(models.TextChoices):
        INBOUND = "inbound", "Inbound"
        OUTBOUND = "outbound", "Outbound"

    agent = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, related_name="calls")
    version = models.ForeignKey(
        "agents.AgentVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="calls"
    )
    """``None``: the call talked to the draft."""
    spec = models.JSONField()
    """The spec this call ran with, whatever became of the draft."""
    variables = models.JSONField(default=dict)
    """What the agent was told of the person: name → what stands for ``{{name}}`` in its texts."""
    channel = models.CharField(max_length=10, choices=Channel.choices, default=Channel.WEB)
    direction = models.CharField(max_length=8, choices=Direction.choices, default=Direction.INBOUND)
    from_number = models.CharField(max_length=64, blank=True)
    to_number = models.CharField(max_length=64, blank=True)
    """Of a telephone call: who called whom, E.164 where it is a number at all."""
    phone_number = models.ForeignKey(
        PhoneNumber, null=True, blank=True, on_delete=models.SET_NULL, related_name="calls"
    )
    """Ours of the two."""
    carrier_account = models.ForeignKey(
        CarrierAccount, null=True, blank=True, on_delete=models.SET_NULL, related_name="calls"
    )
    trunk = models.ForeignKey("telephony.Trunk", null=True, blank=True, on_delete=models.SET_NULL, related_name="calls")
    """The SIP trunk that it came or goes by."""
    carrier_call_id = models.CharField(max_length=64, blank=True)
    """What the carrier calls it; over SIP the Call-ID, as far as there is room for it."""
    streams = models.PositiveSmallIntegerField(default=0)
    """How often the carrier was led to a call worker: more than once where the one before was lost."""
    instead = models.JSONField(default=dict)
    """Where not the number's agent had the call: {"how": "voicemail", "why": "closed", …}, what ``telephony.answering`` decided. Beside
    that, of a message the carrier took "message_at_ms" and "fetched", its id; of a call of ours "up_s", what its carrier charges."""
    recording_at_carrier = models.CharField(max_length=64, blank=True)
    """The carrier's id of a message it recorded for us, until it is fetched."""
    picked_up_by = models.CharField(max_length=20, blank=True)
    """Of a call we placed, where somebody listened for it: "human", "machine", "fax" or "unknown"."""
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.QUEUED)
    end_reason = models.CharField(max_length=40, blank=True)
    """A key of ``telephony.end_reasons.REASONS``."""
    end_detail = models.CharField(max_length=300, blank=True)
    caller = models.CharField(max_length=120, blank=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    answered_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    duration_ms = models.PositiveIntegerField(default=0)
    collected = models.JSONField(default=dict)
    latency = models.JSONField(default=dict)
    """{"p50_ms": …, "p95_ms": …, "turns": n}: what the caller waited, end of speech to first sound."""
    speculation = models.JSONField(default=dict)
    """{"withdrawn": n, "tokens": m, "estimated": k}: answers begun before the caller had finished and thrown away, what they cost, and
    how much of that was reckoned because no model had told it."""
    worker = models.CharField(max_length=120, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["organization", "-created_at", "-id"], name="calls_newest"),
            models.Index(fields=["lease_until"], condition=models.Q(status="in_progress"), name="calls_leased"),
            models.Index(
                fields=["created_at"], condition=~models.Q(recording_at_carrier=""), name="calls_with_messages"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["carrier_account", "carrier_call_id"],
                condition=~models.Q(carrier_call_id=""),
                name="one_call_a_carrier_call",
            )
        ]

    def __str__(self) -> str:
        return f"{self.agent} {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def is_at_carrier(self) -> bool:
        """Its carrier does what was decided, and no call worker has to do with it."""
        how = self.instead.get("how", "agent")
        return how == "transfer" or (how != "agent" and self.status == self.Status.IN_PROGRESS and not self.worker)


class Turn(Owned):
    """The floor held once. Times are milliseconds since answer."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="turns")
    index = models.PositiveIntegerField()
    role = models.CharField(max_length=6, choices=[("caller", "Caller"), ("agent", "Agent")])
    text = models.TextField(blank=True)
    """The caller's words, or what of the agent's words was heard."""
    intended = models.TextField(blank=True)
    """All the agent set out to say, where it was cut."""
    started_ms = models.PositiveIntegerField()
    ended_ms = models.PositiveIntegerField(null=True)
    was_cut = models.BooleanField(default=False)
    confidence = models.FloatField(null=True)
    latency = models.JSONField(default=dict)
    """On the agent's turns: {"endpointing_ms", "stt_ms", "model_ms", "tts_ms", "transport_ms", "total_ms"}, in the order they were waited for;
    their sum is ``total_ms``: the caller's last sound to the agent's first at the caller."""
    thoughts = models.JSONField(default=list)

    class Meta:
        ordering = ["index"]
        constraints = [models.UniqueConstraint(fields=["call", "index"], name="one_turn_an_index")]

    def __str__(self) -> str:
        return f"{self.role}: {self.text[:60]}"


class CallEvent(Owned):
    """Anything else that happened, appended as it happens."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="events")
    at_ms = models.PositiveIntegerField()
    kind = models.CharField(max_length=40)
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ["at_ms", "created_at", "id"]

    def __str__(self) -> str:
        return f"{self.at_ms} {self.kind}"


class Recording(Owned):
    """Stereo WAV, 16,000 Hz: caller left, agent right. ``path`` is relative to ``settings.RECORDINGS_DIR``."""

    call = models.OneToOneField(Call, on_delete=models.CASCADE, related_name="recording")
    path = models.CharField(max_length=300)
    duration_ms = models.PositiveIntegerField(default=0)
    size_bytes = models.PositiveBigIntegerField(default=0)
    is_complete = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.path


class TextMessage(Owned):
    """A text that we sent, or that came in. One of ours is a row before the carrier is asked."""

    class Direction(models.TextChoices):
        INBOUND = "inbound", "Inbound"
        OUTBOUND = "outbound", "Outbound"

    class Means(models.TextChoices):
        STOP = "stop", "Neither calls nor texts any more"
        START = "start", "Calls and texts again"
        HELP = "help", "Who is this?"

    class Status(models.TextChoices):
        RECEIVED = "received", "Received"
        SENDING = "sending", "Being sent"
        SENT = "sent", "Sent"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Not sent"

    phone_number = models.ForeignKey(
        PhoneNumber, null=True, blank=True, on_delete=models.SET_NULL, related_name="texts"
    )
    """Ours of the two."""
    carrier_account = models.ForeignKey(
        CarrierAccount, null=True, blank=True, on_delete=models.SET_NULL, related_name="texts"
    )
    call = models.ForeignKey(Call, null=True, blank=True, on_delete=models.CASCADE, related_name="texts")
    """After which it was sent, where it was."""
    direction = models.CharField(max_length=8, choices=Direction.choices, default=Direction.OUTBOUND)
    from_number = models.CharField(max_length=64)
    """Of one that came in: a number, or whatever it is that can write: a short code, a company's name."""
    to_number = models.CharField(max_length=64)
    body = models.TextField()
    means = models.CharField(max_length=5, choices=Means.choices, blank=True)
    """Of one that came in, where it is a word of opting out or in (``telephony.text_words``)."""
    media = models.PositiveSmallIntegerField(default=0)
    """How many pictures and the like came with it; they are not kept."""
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.SENDING)
    carrier_message_id = models.CharField(max_length=64, blank=True)
    problem = models.CharField(max_length=300, blank=True)
    """Why it was not sent, or didn't arrive."""

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["organization", "-created_at", "-id"], name="texts_newest")]
        constraints = [
            # What an agent sends after a call it sends once, however often somebody is told that the call is over.
            models.UniqueConstraint(fields=["call"], condition=~models.Q(call=None), name="one_text_a_call"),
            models.UniqueConstraint(
                fields=["carrier_account", "carrier_message_id"],
                condition=models.Q(direction="inbound"),
                name="one_text_in_a_carrier_text",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.theirs}: {self.body[:40]}"

    @property
    def ours(self) -> str:
        return str(self.to_number if self.direction == self.Direction.INBOUND else self.from_number)

    @property
    def theirs(self) -> str:
        return str(self.from_number if self.direction == self.Direction.INBOUND else self.to_number)


# The tables of the parts of telephony, which Django looks for here.
from telephony.campaigns.models import Campaign, CampaignAttempt, CampaignContact, ContactList  # noqa: E402
from telephony.dialing.models import DialPolicy, DialReservation, DoNotCall  # noqa: E402
from telephony.trunks.models import SipMessage, Trunk  # noqa: E402

__all__ = [
    "Call",
    "CallEvent",
    "Campaign",
    "CampaignAttempt",
    "CampaignContact",
    "ContactList",
    "DialPolicy",
    "DialReservation",
    "DoNotCall",
    "Recording",
    "SipMessage",
    "TextMessage",
    "Trunk",
    "Turn",
]
