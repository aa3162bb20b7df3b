from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("telephony", "0014_trunks_may_transfer")]

    operations = [
        migrations.AddField(
            model_name="campaign",
            name="held_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
