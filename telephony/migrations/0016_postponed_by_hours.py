from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("telephony", "0015_campaigns_held_until")]

    operations = [
        migrations.AddField(
            model_name="campaign",
            name="hours_seen",
            field=models.CharField(blank=True, default="", max_length=64),
        ),
        migrations.AddField(
            model_name="campaigncontact",
            name="due_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
