"""The Django application of the registry."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    """Names the application `registry`, so that its tables are `registry_…`."""

    name = "allotment.registry"
    label = "registry"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect what keeps an item's plan in its history, and what notes who logs in and out."""
        from allotment.registry import logging_in  # noqa: PLC0415 - models load after the apps
        from allotment.registry.models import item  # noqa: PLC0415

        item.connect_history()
        logging_in.connect()
