"""A real OpenID provider as a process of its own, and a browser's way through it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
from django.http import HttpResponse
from django.test import Client
from tests.free_ports import free_port

_DEADLINE_SECONDS = 60


@dataclass(frozen=True)
class Provider:
    """Where it answers."""

    url: str

    def know(self, subject: str, **claims: object) -> None:
        """Let the provider say this of a person from now on."""
        httpx.put(f"{self.url}/users/{subject}", json=claims).raise_for_status()

    def log_in(self, asked: str, subject: str) -> str:
        """What a person does at the provider: say who they are. Gives the address back to us."""
        answer = httpx.post(asked, data={"sub": subject})
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def endpoints(self, jwks: str = "") -> tuple[tuple[str, str], ...]:
        """Its addresses, as the setting names them."""
        found = httpx.get(f"{self.url}/.well-known/openid-configuration").json()
        return (
            ("authorization", found["authorization_endpoint"]),
            ("token", found["token_endpoint"]),
            ("userinfo", found["userinfo_endpoint"]),
            ("jwks", jwks or found["jwks_uri"]),
        )


@contextmanager
def running() -> Iterator[Provider]:
    """A provider on a free port."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--require-nonce"],
        env={**os.environ, "NO_COLOR": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    provider = Provider(f"http://127.0.0.1:{port}")
    try:
        _wait(provider, process)
        yield provider
    finally:
        process.terminate()
        process.wait(timeout=60)


def _wait(provider: Provider, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _DEADLINE_SECONDS
    while time.monotonic() < until:
        assert process.poll() is None, "the provider ended at its start"
        try:
            httpx.get(f"{provider.url}/jwks").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the provider did not answer in time")


def begin(client: Client, **asked: str) -> str:
    """Press “Single sign-on”; gives the provider's address that the browser is sent to."""
    answer = client.get("/login/sso", asked)
    assert answer.status_code == 302, answer.content
    return str(answer["Location"])


def come_back(client: Client, address: str) -> HttpResponse:
    """Follow the provider's redirect back to the registry."""
    parts = urlsplit(address)
    return client.get(f"{parts.path}?{parts.query}")  # type: ignore[return-value]


def sign_on(client: Client, provider: Provider, subject: str, **asked: str) -> HttpResponse:
    """The whole way: to the provider, as this person, and back."""
    return come_back(client, provider.log_in(begin(client, **asked), subject))
