from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("telephony", "0010_events_in_order")]

    operations = [
        migrations.AddField(
            model_name="carrieraccount", name="details", field=models.JSONField(blank=True, default=dict)
        ),
        migrations.AlterField(
            model_name="carrieraccount",
            name="provider",
            field=models.CharField(
                choices=[
                    ("twilio", "Twilio"),
                    ("signalwire", "SignalWire"),
                    ("telnyx", "Telnyx"),
                    ("plivo", "Plivo"),
                ],
                default="twilio",
                max_length=20,
            ),
        ),
    ]
