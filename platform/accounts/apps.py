from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts import checks, signup  # noqa: F401 - they register themselves
        from accounts.grants import grant_to_application

        post_migrate.connect(grant_to_application, sender=self)
