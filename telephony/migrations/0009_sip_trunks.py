import uuid

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from accounts.rls import EnableRLS


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_bind_credentials_to_their_address"),
        ("agents", "0002_row_level_security"),
        ("telephony", "0008_text_messages"),
    ]

    operations = [
        migrations.CreateModel(
            name="SipMessage",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("number", models.PositiveBigIntegerField()),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("direction", models.CharField(choices=[("in", "Received"), ("out", "Sent")], max_length=3)),
                ("peer", models.CharField(max_length=80)),
                ("transport", models.CharField(choices=[("udp", "UDP"), ("tcp", "TCP"), ("tls", "TLS")], max_length=3)),
                ("start_line", models.CharField(max_length=300)),
                ("dialog", models.CharField(blank=True, max_length=200)),
                ("cseq", models.CharField(blank=True, max_length=40)),
                ("text", models.TextField(blank=True)),
                ("is_cut", models.BooleanField(default=False)),
            ],
            options={
                "ordering": ["at", "number"],
            },
        ),
        migrations.CreateModel(
            name="Trunk",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("label", models.CharField(max_length=120)),
                ("preset", models.CharField(blank=True, max_length=40)),
                ("host", models.CharField(max_length=253)),
                ("proxy", models.CharField(blank=True, max_length=253)),
                ("port", models.PositiveIntegerField(default=0)),
                (
                    "transport",
                    models.CharField(
                        choices=[("udp", "UDP"), ("tcp", "TCP"), ("tls", "TLS")], default="udp", max_length=3
                    ),
                ),
                ("username", models.CharField(blank=True, max_length=120)),
                ("auth_user", models.CharField(blank=True, max_length=120)),
                ("realm", models.CharField(blank=True, max_length=253)),
                ("credential", models.CharField(blank=True, max_length=80)),
                ("registers", models.BooleanField(default=False)),
                ("sources", models.JSONField(blank=True, default=list)),
                ("asks_password", models.BooleanField(default=False)),
                ("transfer_hosts", models.JSONField(blank=True, default=list)),
                (
                    "srtp",
                    models.CharField(
                        choices=[("off", "Never"), ("optional", "Where the other side can"), ("mandatory", "Always")],
                        default="optional",
                        max_length=9,
                    ),
                ),
                ("codecs", models.JSONField(blank=True, default=list)),
                ("caller_id", models.CharField(blank=True, max_length=40)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Not tried yet"),
                            ("registered", "Registered"),
                            ("reachable", "Reachable"),
                            ("failed", "Doesn't work"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("state_words", models.CharField(blank=True, max_length=300)),
                ("state_at", models.DateTimeField(blank=True, null=True)),
                ("changed_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "ordering": ["label", "created_at"],
            },
        ),
        migrations.RemoveConstraint(
            model_name="phonenumber",
            name="one_phone_number_a_number",
        ),
        migrations.AlterField(
            model_name="phonenumber",
            name="account",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="numbers",
                to="telephony.carrieraccount",
            ),
        ),
        migrations.AlterField(
            model_name="phonenumber",
            name="sid",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name="sipmessage",
            name="call",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="sip_messages",
                to="telephony.call",
            ),
        ),
        migrations.AddField(
            model_name="sipmessage",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.organization"
            ),
        ),
        migrations.AddField(
            model_name="trunk",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.organization"
            ),
        ),
        migrations.AddField(
            model_name="sipmessage",
            name="trunk",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="sip_messages",
                to="telephony.trunk",
            ),
        ),
        migrations.AddField(
            model_name="call",
            name="trunk",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="calls",
                to="telephony.trunk",
            ),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="trunk",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="numbers",
                to="telephony.trunk",
            ),
        ),
        migrations.AddConstraint(
            model_name="phonenumber",
            constraint=models.UniqueConstraint(
                condition=models.Q(("trunk", None), ("number__startswith", "+"), _connector="OR"),
                fields=("organization", "number"),
                name="one_phone_number_a_number",
            ),
        ),
        migrations.AddConstraint(
            model_name="phonenumber",
            constraint=models.UniqueConstraint(
                condition=models.Q(("trunk__isnull", False)),
                fields=("trunk", "number"),
                name="one_phone_number_a_trunk",
            ),
        ),
        migrations.AddConstraint(
            model_name="phonenumber",
            constraint=models.UniqueConstraint(
                condition=models.Q(("number__startswith", "+"), ("trunk__isnull", False)),
                fields=("number",),
                name="one_phone_number_on_all_trunks",
            ),
        ),
        migrations.AddConstraint(
            model_name="phonenumber",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("account", None), ("trunk__isnull", False)),
                    models.Q(("account__isnull", False), ("trunk", None)),
                    _connector="OR",
                ),
                name="a_phone_number_is_at_one_carrier",
            ),
        ),
        migrations.AddIndex(
            model_name="sipmessage",
            index=models.Index(fields=["call", "at", "number"], name="sip_messages_of_a_call"),
        ),
        migrations.AddIndex(
            model_name="sipmessage",
            index=models.Index(fields=["trunk", "at", "number"], name="sip_messages_of_a_trunk"),
        ),
        EnableRLS("telephony_trunk"),
        EnableRLS("telephony_sipmessage"),
    ]
