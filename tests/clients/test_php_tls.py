"""The PHP client over https, with a certificate of an authority that PHP trusts, or does not."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.required_tools import require_tool
from tests.sdk.stand_ins import Quiet

AUTOLOAD = Path(__file__).parents[2] / "clients/php/autoload.php"
ANSWER_BYTES = 300_000
MAKE_CERTIFICATE = """
    file_put_contents($argv[1] . '/conf', "[req]\\ndefault_bits=2048\\n"
        . "distinguished_name=n\\n[n]\\n[v]\\n"
        . "subjectAltName=DNS:localhost\\nbasicConstraints=CA:TRUE\\n");
    $options = ['config' => $argv[1] . '/conf', 'x509_extensions' => 'v'];
    $key = openssl_pkey_new($options);
    $request = openssl_csr_new(['commonName' => 'localhost'], $key, $options);
    $certificate = openssl_csr_sign($request, null, $key, 2, $options);
    openssl_x509_export_to_file($certificate, $argv[1] . '/cert');
    openssl_pkey_export_to_file($key, $argv[1] . '/key', null, $options);
"""
ASK = """
    require $argv[1];
    try {
        $answer = (new Allotment\\Http\\SocketTransport())->send(
            'POST', $argv[2], [], str_repeat('y', 900000), 10.0
        );
        echo $answer->status, ' ', strlen($answer->body);
    } catch (Allotment\\Http\\TransportProblem $problem) {
        echo $problem->getMessage();
    }
"""


class Handler(Quiet, BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        read = len(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(201 if read == 900_000 else 400, b"x" * ANSWER_BYTES)


def php(code: str, *arguments: str, **settings: str) -> str:
    options = [part for name, value in settings.items() for part in ("-d", f"{name}={value}")]
    done = subprocess.run(
        [require_tool("php"), *options, "-r", code, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    php(MAKE_CERTIFICATE, str(folder))
    return folder


@pytest.fixture(scope="module")
def port(certificate: Path) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert", certificate / "key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who goes away is asked for
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_php_https__authority_that_is_trusted__takes_a_large_body_both_ways(
    certificate: Path, port: int
) -> None:
    trusted = {"openssl.cafile": str(certificate / "cert")}
    assert php(ASK, str(AUTOLOAD), f"https://localhost:{port}/", **trusted) == f"201 {ANSWER_BYTES}"


def test_php_https__stranger__is_refused_with_the_reason(certificate: Path, port: int) -> None:
    found = php(ASK, str(AUTOLOAD), f"https://localhost:{port}/")
    assert "certificate verify failed" in found
    trusted = {"openssl.cafile": str(certificate / "cert")}
    found = php(ASK, str(AUTOLOAD), f"https://127.0.0.1:{port}/", **trusted)
    assert "did not match expected name `127.0.0.1'" in found
