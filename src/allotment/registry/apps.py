"""The Django application of the registry."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    """Names the application `registry`, so that its tables are `registry_…`."""

    name = "allotment.registry"
    label = "registry"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect what keeps an item's plan in its history and guards it, and what notes who logs
        in and out."""
        from django.db.models.signals import post_migrate, pre_migrate  # noqa: PLC0415

        from allotment.registry import (  # noqa: PLC0415 - models load after the apps
            logging_in,
            versions,
        )
        from allotment.registry.models import item  # noqa: PLC0415

        item.connect_history()
        logging_in.connect()
        pre_migrate.connect(versions.unguard, sender=self, dispatch_uid="registry-versions-before")
        post_migrate.connect(versions.guard, sender=self, dispatch_uid="registry-versions-after")
