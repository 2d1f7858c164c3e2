"""The base install has no dependencies: the library runs where there is nothing else."""

import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"


def test_import__no_site_packages__works_and_brings_in_nothing_else() -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(SOURCE)!r})\n"
        "import allotment.sdk\n"
        "rooms = {n.split('.')[1] for n in sys.modules if n.startswith('allotment.')}\n"
        "others = {n.split('.')[0] for n in sys.modules} - set(sys.stdlib_module_names)\n"
        "print(sorted(rooms), sorted(others - {'allotment', '__main__', '__mp_main__'}))\n"
    )
    # -I -S: neither site-packages nor the environment's PYTHONPATH nor the current folder.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "['allocation', 'sdk'] []"
