"""Ports that are given once."""

import socket
import subprocess
import sys
from pathlib import Path

from tests.free_ports import free_port, free_ports

ASK = """
import itertools, sys
from tests import free_ports
free_ports._order = itertools.chain(map(int, sys.argv[1:]), free_ports._order)
print(free_ports.free_port())
"""


def test_free_port__given_here__another_process_is_given_another() -> None:
    mine = free_ports(5)
    assert len(set(mine)) == 5
    done = subprocess.run(
        [sys.executable, "-c", ASK, *map(str, mine)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) not in mine
    for port in mine:
        with socket.create_server(("127.0.0.1", port)):
            pass


def test_free_port__outgoing_connections__come_from_elsewhere() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        given = server.getsockname()[1]
    assert free_port() < given
