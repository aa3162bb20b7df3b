from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("telephony", "0011_trunks_put_through")]

    operations = [
        migrations.AddField(
            model_name="textmessage",
            name="direction",
            field=models.CharField(
                choices=[("inbound", "Inbound"), ("outbound", "Outbound")], default="outbound", max_length=8
            ),
        ),
        migrations.AddField(
            model_name="textmessage",
            name="means",
            field=models.CharField(
                blank=True,
                choices=[
                    ("stop", "Neither calls nor texts any more"),
                    ("start", "Calls and texts again"),
                    ("help", "Who is this?"),
                ],
                max_length=5,
            ),
        ),
        migrations.AddField(model_name="textmessage", name="media", field=models.PositiveSmallIntegerField(default=0)),
        migrations.AlterField(model_name="textmessage", name="from_number", field=models.CharField(max_length=64)),
        migrations.AlterField(model_name="textmessage", name="to_number", field=models.CharField(max_length=64)),
        migrations.AlterField(
            model_name="textmessage",
            name="status",
            field=models.CharField(
                choices=[
                    ("received", "Received"),
                    ("sending", "Being sent"),
                    ("sent", "Sent"),
                    ("delivered", "Delivered"),
                    ("failed", "Not sent"),
                ],
                default="sending",
                max_length=9,
            ),
        ),
        migrations.AlterField(
            model_name="donotcall",
            name="source",
            field=models.CharField(
                choices=[
                    ("member", "Your team"),
                    ("caller", "They asked the agent"),
                    ("api", "The API"),
                    ("text", "They texted STOP"),
                ],
                default="member",
                max_length=8,
            ),
        ),
        migrations.AddConstraint(
            model_name="textmessage",
            constraint=models.UniqueConstraint(
                condition=models.Q(("direction", "inbound")),
                fields=("carrier_account", "carrier_message_id"),
                name="one_text_in_a_carrier_text",
            ),
        ),
    ]
