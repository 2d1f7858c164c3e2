"""A client of a registry's management API, for commands: standard library alone."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any, Final

_TIMEOUT_SECONDS: Final = 300.0
TOKEN_VARIABLE: Final = "ALLOTMENT_TOKEN"  # noqa: S105 - the name of a variable


class ManagementError(Exception):
    """The registry gives no answer that can be used, or refuses; the message says what to do."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Another address must not be given the token."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        del req, fp, code, msg, headers, newurl


def read_token(file: Path | None, environ: str | None) -> str:
    """The token of a file, or else of the environment.

    Raises:
        ManagementError: there is none.
    """
    if file is not None:
        try:
            found = file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ManagementError(f"{file} holds no token: {error}") from error
    else:
        found = (environ or "").strip()
    if not found:
        raise ManagementError(
            f"no token is given; put one into {TOKEN_VARIABLE} or name its file by --token-file "
            "(it is made on your account's page)"
        )
    if not found.isascii() or any(character.isspace() for character in found):
        raise ManagementError("the token is not one: it is a word that begins with alt_")
    return found


class Management:
    """Asks the management API of one registry with one token."""

    def __init__(self, registry: str, token: str) -> None:
        self._root = f"{registry.rstrip('/')}/api/v1/manage"
        self._token = token
        self._opener = urllib.request.build_opener(_NoRedirects)

    def get(self, path: str) -> Any:  # noqa: ANN401 - any JSON
        """What a read answers.

        Raises:
            ManagementError: it is no success.
        """
        return self._ask("GET", path, None)

    def post(self, path: str, body: object) -> Any:  # noqa: ANN401 - any JSON
        """What a write answers.

        Raises:
            ManagementError: it is no success.
        """
        return self._ask("POST", path, json.dumps(body, ensure_ascii=False).encode())

    def _ask(self, method: str, path: str, body: bytes | None) -> Any:  # noqa: ANN401
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        url = f"{self._root}{path}"
        try:
            request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 - as named
            with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise ManagementError(_told(url, error)) from error
        except (OSError, ValueError, HTTPException) as error:
            raise ManagementError(
                f"{url} does not answer: {error}. Start the registry, or name another by --registry"
            ) from error


def _told(url: str, error: urllib.error.HTTPError) -> str:
    """A problem in sentences."""
    try:
        problem = json.loads(error.read())
        lines = [f"{problem['detail']} {problem['remedy']}".strip()]
        lines += [
            f"  {refusal['rule']}: {refusal['field']}: {refusal['what']} {refusal['remedy']}"
            for refusal in problem["refusals"]
        ]
    except (OSError, ValueError, KeyError, TypeError, HTTPException):
        return f"{url} answers {error.code}, which is no registry's answer; look at the address"
    return "\n".join(lines)
