"""`python -m django seed_demo`: the demo wiki's experiment and instrument."""

from django.core.management.base import BaseCommand

from allotment.registry import seeding


class Command(BaseCommand):
    """Creates and switches on what the demo wiki uses; may be called again."""

    help = "Create and switch on the demo wiki's experiment and instrument."

    def handle(self, *_args: object, **_options: object) -> None:
        """Seed, and say so."""
        seeding.seed_demo()
        self.stdout.write(f"{seeding.DEMO_EXPERIMENT} and {seeding.DEMO_INSTRUMENT} are there.")
