"""Seal each stored key anew, bound to its provider and address. What no key of ours opens stays as it is: it opens nowhere."""

from dataclasses import replace

from django.db import migrations

from accounts import tenancy, vault


def _seal_anew(apps, schema_editor, *, bind):
    with tenancy.system("every organization's keys are sealed anew"):
        credentials = apps.get_model("accounts", "Credential").objects.using(schema_editor.connection.alias)
        for credential in list(credentials.all()):
            row = vault.Place(credential.organization_id, "accounts_credential", "secret", credential.pk)
            row_and_address = replace(row, bound=(credential.provider, credential.address))
            old, new = (row, row_and_address) if bind else (row_and_address, row)
            try:
                secret = vault.open_(old, credential.secret)
            except vault.CannotOpen:
                continue
            credentials.filter(pk=credential.pk).update(secret=vault.seal(new, secret))


def bind(apps, schema_editor):
    _seal_anew(apps, schema_editor, bind=True)


def unbind(apps, schema_editor):
    _seal_anew(apps, schema_editor, bind=False)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_credential_address")]

    operations = [migrations.RunPython(bind, unbind)]
