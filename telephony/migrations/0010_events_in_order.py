from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("telephony", "0009_sip_trunks")]

    operations = [
        migrations.AlterModelOptions(name="callevent", options={"ordering": ["at_ms", "created_at", "id"]}),
    ]
