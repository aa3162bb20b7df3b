from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("telephony", "0013_carriers")]

    operations = [
        migrations.AddField(
            model_name="trunk",
            name="may_transfer",
            field=models.BooleanField(default=False),
        ),
    ]
