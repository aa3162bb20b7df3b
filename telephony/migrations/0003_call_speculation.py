from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("telephony", "0002_row_level_security")]

    operations = [
        migrations.AddField(model_name="call", name="speculation", field=models.JSONField(default=dict)),
    ]
