"""`python -m django check_configuration`: the check of everything that is served, once."""

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from allotment.registry import nightly


class Command(BaseCommand):
    """Runs the check and keeps what it finds, as the registry does at its start and once a day."""

    help = "Check everything that is served; Home shows what is found."

    def handle(self, *_args: object, **_options: object) -> None:
        """Run it, and print one line a finding."""
        report = nightly.run(settings.ALLOTMENT.registry_dir, timezone.now())
        for finding in report.findings:
            self.stdout.write(
                f"{finding.severity} {finding.rule} in {finding.place}: {finding.what}"
            )
        self.stdout.write(f"{len(report.findings)} findings")
