"""What a provider's token must be: each check, with keys and signatures that are real."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.conf import LazySettings

from allotment.registry.backends import ProviderBackend
from allotment.registry.sso import SignInRefusedError

ISSUER = "https://id.example"
KEYS = {name: rsa.generate_private_key(public_exponent=65537, key_size=2048) for name in ("a", "b")}
CURVE = ec.generate_private_key(ec.SECP256R1())


def public(name: str, **more: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEYS[name].public_key()))
    return found | {"use": "sig"} | more


@pytest.fixture
def published() -> Iterator[dict[str, Any]]:
    """What the provider's key address answers, over real HTTP; tests put keys into it."""
    document: dict[str, Any] = {"keys": [public("a")]}

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    document["address"] = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield document
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def backend(settings: LazySettings, published: dict[str, Any]) -> ProviderBackend:
    """What checks tokens, set up for this provider."""
    address = published.pop("address")
    endpoints = tuple((name, address) for name in ("authorization", "token", "jwks"))
    sign_in = replace(
        settings.ALLOTMENT.sign_in, issuer=ISSUER, client_id="allotment", endpoints=endpoints
    )
    settings.ALLOTMENT = replace(settings.ALLOTMENT, sign_in=sign_in)
    return ProviderBackend()


def token(key: str = "a", *, header: dict[str, str] | None = None, **changes: object) -> str:
    """A token as it should be; keywords change its claims, None leaves one out."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "sub": "1001",
        "aud": "allotment",
        "iat": now,
        "exp": now + 300,
        "nonce": "n",
    }
    kept = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode(kept, KEYS[key], algorithm="RS256", headers=header)


def test_verify_token__as_it_should_be__gives_its_claims(backend: ProviderBackend) -> None:
    for good in (token(), token(aud=["allotment"]), token(iat=int(time.time()) + 30)):
        assert backend.verify_token(good, nonce="n")["sub"] == "1001"
    several = token(aud=["allotment", "other"], azp="allotment")
    assert backend.verify_token(several, nonce="n")["sub"] == "1001"


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"aud": "another-client"},
        {"aud": ["another-client"]},
        {"aud": ["allotment", "other"]},
        {"aud": ["allotment", "other"], "azp": "other"},
        {"aud": None},
        pytest.param({"exp": int(time.time()) - 120}, id="exp of before"),
        {"exp": None},
        # A day: the suite may run for long before it.
        pytest.param({"iat": int(time.time()) + 86_400}, id="iat of tomorrow"),
        {"sub": None},
    ],
    ids=str,
)
def test_verify_token__wrong_claim__is_refused(
    backend: ProviderBackend, wrong: dict[str, object]
) -> None:
    with pytest.raises(SignInRefusedError):
        backend.verify_token(token(**wrong), nonce="n")  # type: ignore[arg-type]


def test_verify_token__signed_by_another_key__is_refused(backend: ProviderBackend) -> None:
    with pytest.raises(SignInRefusedError):
        backend.verify_token(token("b"), nonce="n")


def test_verify_token__changed_after_it_was_signed__is_refused(backend: ProviderBackend) -> None:
    head, body, signature = token().split(".")
    _, forged, _ = token("b", sub="somebody else").split(".")
    with pytest.raises(SignInRefusedError):
        backend.verify_token(f"{head}.{forged}.{signature}", nonce="n")
    assert body != forged


def test_verify_token__no_signature_or_a_shared_one__is_refused(backend: ProviderBackend) -> None:
    claims = jwt.decode(token(), options={"verify_signature": False})
    unsigned = jwt.encode(claims, "", algorithm="none")
    shared = jwt.encode(claims, "x" * 64, algorithm="HS256")
    other = jwt.encode(claims, CURVE, algorithm="ES256")
    for forged in (unsigned, shared, other, "no token at all", ""):
        with pytest.raises(SignInRefusedError):
            backend.verify_token(forged, nonce="n")


def test_verify_token__several_keys__needs_to_say_which(
    backend: ProviderBackend, published: dict[str, Any]
) -> None:
    published["keys"] = [public("b", kid="two"), public("a", kid="one")]
    assert backend.verify_token(token(header={"kid": "one"}), nonce="n")
    for wrong in (token(), token(header={"kid": "two"}), token(header={"kid": "three"})):
        with pytest.raises(SignInRefusedError):
            backend.verify_token(wrong, nonce="n")


def test_verify_token__key_for_encryption__is_not_one_to_sign_with(
    backend: ProviderBackend, published: dict[str, Any]
) -> None:
    published["keys"] = [public("b", use="enc"), public("a")]
    assert backend.verify_token(token(), nonce="n")
