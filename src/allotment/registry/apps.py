"""The Django application of the registry."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    """Names the application `registry`, so that its tables are `registry_…`."""

    name = "allotment.registry"
    label = "registry"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the handler that writes an item's whole plan beside each history record."""
        from allotment.registry.models import item  # noqa: PLC0415 - models load after the apps

        item.connect_history()
