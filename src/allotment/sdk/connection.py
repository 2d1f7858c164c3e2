"""One kept-alive HTTP connection to one server. Standard library only."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""An answer longer than this is an error: a site must not be filled up by its registry."""


class ConnectionProblemError(OSError):
    """No usable HTTP answer came; the message says what happened and with whom."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """Requests to one `http` or `https` server, one at a time, from one thread.

    Proxies named in the environment are not used and redirects are not followed: what the site
    trusts is the address that it was given.

    Raises:
        ValueError: the address is not http(s) with a host.
    """

    def __init__(self, url: str, *, timeout: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url!r} is no address; give one such as http://127.0.0.1:8000")
        self.url = url
        self.path = parts.path.rstrip("/")
        self.target = f"{self.path or '/'}?{parts.query}" if parts.query else self.path or "/"
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._http = kind(parts.hostname, parts.port, timeout=timeout)

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask once; a kept connection that the server has closed meanwhile is opened anew.

        Raises:
            ConnectionProblemError: refused, timed out, broken off, or the answer is too long.
        """
        kept = self._http.sock is not None
        try:
            return self._once(method, path, body, headers or {})
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
            self.close()
            if not kept:
                raise ConnectionProblemError(f"{self.url}: {_text(error)}") from error
        except (http.client.HTTPException, OSError) as error:
            self.close()
            raise ConnectionProblemError(f"{self.url}: {_text(error)}") from error
        try:
            return self._once(method, path, body, headers or {})
        except (http.client.HTTPException, OSError) as error:
            self.close()
            raise ConnectionProblemError(f"{self.url}: {_text(error)}") from error

    def _once(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        self._http.request(method, path, body=body, headers=dict(headers))
        response = self._http.getresponse()
        data = response.read(MAX_ANSWER_BYTES + 1)
        if len(data) > MAX_ANSWER_BYTES:
            raise ConnectionProblemError(f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
        return Answer(
            response.status, {name.lower(): value for name, value in response.getheaders()}, data
        )

    def close(self) -> None:
        """Close the socket; the next request opens another."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__
