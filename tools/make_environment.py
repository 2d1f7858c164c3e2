"""Make `.venv` from a lock file with nothing but a Python 3.11: `make_environment.py server|dev`.

Debian ships Python without pip and without the part of `venv` that would install it, so a copy of
pip (MIT licence, the wheel beside this file) starts the chain: pip installs uv, uv installs the
lock in a tenth of pip's time. Where uv cannot reach the packages (a mirror that only pip's
configuration names), pip installs the lock itself. Every package is checked against its hash.
"""

import os
import ssl
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
OLDEST = (3, 11)


def main() -> None:
    """Make or refresh the environment for the lock that the first argument names."""
    if sys.version_info < OLDEST:
        sys.exit(
            f"Allotment needs Python 3.11 or newer and this is {sys.version.split()[0]}; "
            "name another one: make PYTHON=python3.12 …"
        )
    lock = ROOT / "requirements" / f"{sys.argv[1]}.txt"
    began = time.monotonic()
    print(f"Installing the packages of {lock.relative_to(ROOT)} into .venv …", flush=True)
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=False, symlinks=True)
    uv = ENVIRONMENT / "bin" / "uv"
    if not uv.exists():
        _run(*_pip(python), "install", "-q", "-r", str(ROOT / "requirements" / "installer.txt"))
    if _has_certificates():
        os.environ.setdefault("UV_SYSTEM_CERTS", "true")
    try:
        # Compiled here once: where Python may write none, every process would compile anew.
        quick = ("pip", "install", "-q", "--compile-bytecode", "--python", str(python))
        _run(str(uv), *quick, *_locked(lock))
    except subprocess.CalledProcessError:
        print("uv could not; trying once more with pip …", flush=True)
        _run(*_pip(python), "install", "-q", *_locked(lock))
    _run(*_pip(python), "install", "-q", "--no-deps", "--no-build-isolation", "-e", str(ROOT))
    print(f"Environment ready after {time.monotonic() - began:.0f} s.", flush=True)


def _has_certificates() -> bool:
    """Whether the system says whom to trust. pip heeds it, uv only when told to.

    In many an office a proxy signs all that passes, and its certificate is known there alone.
    """
    paths = ssl.get_default_verify_paths()
    return Path(paths.openssl_cafile).is_file() or any(Path(paths.openssl_capath).glob("*"))


def _locked(lock: Path) -> list[str]:
    return ["--require-hashes", "-r", str(lock)]


def _pip(python: Path) -> list[str]:
    (wheel,) = (ROOT / "tools").glob("pip-*.whl")
    return [str(python), f"{wheel}/pip", "--disable-pip-version-check", "--no-input"]


def _run(*command: str) -> None:
    subprocess.run(command, check=True, cwd=ROOT)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"The environment could not be made: exit {error.returncode}; see above.")
