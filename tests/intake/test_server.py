"""Starting the intake where it cannot start."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from tests.free_ports import free_port

from allotment.intake.server import AddressError, serve
from allotment.journal.protocol import JournalUnavailableError
from allotment.settings import from_environ


def test_serve__port_in_use__says_so_and_touches_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        chosen = from_environ(
            {"ALLOTMENT_DATA": str(tmp_path / "data"), "ALLOTMENT_INTAKE_PORT": port}
        )
        with pytest.raises(AddressError, match=f"port {port}: .*ALLOTMENT_INTAKE_PORT"):
            serve(chosen)
    assert not (tmp_path / "data").exists()


def test_serve__journal_is_no_folder__says_which(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("")
    chosen = from_environ(
        {"ALLOTMENT_DATA": str(tmp_path), "ALLOTMENT_INTAKE_PORT": str(free_port())}
    )
    with pytest.raises(JournalUnavailableError, match=str(tmp_path / "journal")):
        serve(chosen)
