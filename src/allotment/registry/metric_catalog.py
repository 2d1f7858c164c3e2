"""The names of the metrics that people can choose, as the analysis lists them."""

from __future__ import annotations

from django.utils.translation import gettext, gettext_noop

from allotment.analysis.metrics import METRICS

# Marked here, since the analysis knows no languages.
TITLES = (gettext_noop("Click-through rate: clicks per impression"),)


def titles() -> dict[str, str]:
    """Each metric's title by its name."""
    return {metric.name: gettext(metric.title) for metric in METRICS}


def choices(*stored: str) -> list[tuple[str, str]]:
    """What a form offers: the catalogue, and names that are stored but no longer in it."""
    known = titles()
    gone = {
        name: gettext("%(name)s (not in the catalogue)") % {"name": name}
        for name in stored
        if name and name not in known
    }
    return [*known.items(), *gone.items()]
