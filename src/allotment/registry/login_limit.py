"""How often a log-in may fail before it must wait, so that passwords cannot be tried out.

Three counts, each for a time: the name from one address, the address, and the name from browsers
that nobody has logged in with before. A browser that somebody did log in with holds a signed cookie
for that name and is counted by itself: strangers who try a name from everywhere slow each other
down, and never lock out whoever the name belongs to. (OWASP calls this device cookies.)

Nothing is kept in clear: a count stands under a keyed hash, and goes when its time is over.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from allotment.registry.models import LoginFailure

BROWSER_COOKIE = "allotment_browser"
BROWSER_AGE = timedelta(days=180)
_SALT = "allotment.browser"
_IPV6 = 6


@dataclass(frozen=True)
class Limit:
    """At most `most` failures in `window`."""

    most: int
    window: timedelta


KNOWN_BROWSER = Limit(10, timedelta(minutes=15))
NAME_AND_ADDRESS = Limit(5, timedelta(minutes=15))
ADDRESS = Limit(50, timedelta(minutes=15))
NAME = Limit(50, timedelta(hours=1))


@dataclass(frozen=True)
class Attempt:
    """One try to log in, as it is counted."""

    name: str
    address: str
    browser: str = ""


def keys(attempt: Attempt) -> list[tuple[str, Limit]]:
    """Under which hashes an attempt is counted, and how many failures each allows."""
    name = attempt.name.casefold()
    if attempt.browser:
        return [(_hash("browser", name, attempt.browser), KNOWN_BROWSER)]
    network = _network(attempt.address)
    return [
        (_hash("name and address", name, network), NAME_AND_ADDRESS),
        (_hash("address", network), ADDRESS),
        (_hash("name", name), NAME),
    ]


def seconds_to_wait(attempt: Attempt) -> int:
    """Count an attempt as failed before it is made; 0 where it may be made.

    Counting first means that attempts at the same moment cannot pass together.
    """
    now = timezone.now()
    wait = 0
    with transaction.atomic():
        LoginFailure.objects.filter(until__lte=now).delete()
        counted: list[LoginFailure] = []
        # In the order of the hashes, so that two transactions never wait for each other.
        for key, limit in sorted(keys(attempt)):
            row, _ = LoginFailure.objects.select_for_update().get_or_create(
                key=key, defaults={"until": now + limit.window}
            )
            counted.append(row)
            if row.count >= limit.most:
                wait = max(wait, int((row.until - now).total_seconds()) + 1)
        if not wait:
            LoginFailure.objects.filter(pk__in=[row.pk for row in counted]).update(
                count=F("count") + 1
            )
    return wait


def succeeded(attempt: Attempt) -> None:
    """Take back what `seconds_to_wait` counted: the attempt was none of those that count."""
    found = keys(attempt)
    own = found[0][0]
    with transaction.atomic():
        LoginFailure.objects.filter(key=own).delete()
        LoginFailure.objects.filter(key__in=[key for key, _ in found[1:]], count__gt=0).update(
            count=F("count") - 1
        )


def browser_cookie(name: str) -> str:
    """What a browser keeps once somebody has logged in with it: proof for this name alone."""
    return signing.dumps([name.casefold(), secrets.token_hex(8)], salt=_SALT)


def known_browser(cookie: str, name: str) -> str:
    """What tells this browser from others for this name; empty where the cookie proves nothing."""
    try:
        found = signing.loads(cookie, salt=_SALT, max_age=BROWSER_AGE)
    except signing.BadSignature:
        return ""
    return str(found[1]) if found[0] == name.casefold() else ""


def client_address(remote: str, forwarded: str, proxies: Sequence[str]) -> str:
    """The address of who asks: what the nearest proxy that is ours saw.

    Args:
        remote: the address of the connection.
        forwarded: `X-Forwarded-For`, which anybody can write; only what our own proxies added to
            its end counts.
        proxies: the addresses of our own proxies.
    """
    address = remote
    for earlier in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
        if address not in proxies:
            break
        address = earlier
    return address


def _network(address: str) -> str:
    """The address, or the network that one holder of IPv6 addresses has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if found.version == _IPV6:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def _hash(*parts: str) -> str:
    key = settings.SECRET_KEY.encode()
    text = "\0".join(("allotment log-in", *parts)).encode()
    return hmac.new(key, text, hashlib.sha256).hexdigest()
