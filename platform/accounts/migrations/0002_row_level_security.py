from django.db import migrations

from accounts.rls import EnableRLS


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        EnableRLS("accounts_membership"),
        EnableRLS("accounts_invitation"),
        EnableRLS("accounts_apikey"),
        EnableRLS("accounts_credential"),
        EnableRLS("accounts_idempotentreply"),
    ]
