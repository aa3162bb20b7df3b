from django.db import migrations

from accounts.rls import EnableRLS


class Migration(migrations.Migration):
    dependencies = [("telephony", "0001_initial")]

    operations = [
        EnableRLS("telephony_call"),
        EnableRLS("telephony_turn"),
        EnableRLS("telephony_callevent"),
        EnableRLS("telephony_recording"),
    ]
