from django.db import migrations

from accounts.rls import EnableRLS


class Migration(migrations.Migration):
    dependencies = [("agents", "0001_initial")]

    operations = [
        EnableRLS("agents_agent"),
        EnableRLS("agents_agentversion"),
    ]
