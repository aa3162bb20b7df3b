from django.apps import AppConfig
from django.core.cache import caches
from django.db.models.signals import post_migrate
from django.utils.connection import ConnectionProxy


class AccountsConfig(AppConfig):
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from allauth.core.internal import ratelimit

        from accounts import checks, signup, vault  # noqa: F401 - they register themselves
        from accounts.grants import grant_to_application

        vault.keys()  # a wrong key stops the start, not the first call
        post_migrate.connect(grant_to_application, sender=self)
        # It counts wrong passwords in the default cache, and without that nobody could sign in.
        ratelimit.cache = ConnectionProxy(caches, "forgiving")
