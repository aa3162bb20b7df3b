from django.apps import AppConfig


class TelephonyConfig(AppConfig):
    name = "telephony"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from telephony import worker_metrics
        from telephony.campaigns import by_phone, dialler

        worker_metrics.register()
        dialler.connect(by_phone.dialler_of)
