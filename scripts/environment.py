"""Makes the virtual environment, or says in one sentence what is missing. Standard library alone.

`python3 scripts/environment.py FOLDER`
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - whoever has an older Python shall read a sentence
    sys.exit(
        "setup failed: Python 3.11 or newer is needed, this is "
        + sys.version.split()[0]
        + "; name another one: make setup PYTHON=python3.12"
    )

import os
import shutil
import subprocess


def works(folder: str) -> bool:
    """Whether the environment is there, whole: with a pip that runs."""
    python = os.path.join(folder, "bin", "python")
    return os.path.exists(python) and subprocess.run([python, "-m", "pip", "-V"], capture_output=True).returncode == 0


def main(folder: str) -> None:
    if works(folder):
        return
    print("making " + folder + " with Python " + sys.version.split()[0], flush=True)
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", folder], capture_output=True, text=True)
    if made.returncode == 0:
        return
    shutil.rmtree(folder, ignore_errors=True)  # no half an environment stays
    words = made.stdout + made.stderr
    if "ensurepip" in words or "No module named venv" in words:
        sys.exit("setup failed: this Python cannot make environments; on Debian: sudo apt-get install python3-venv")
    sys.exit("setup failed: the virtual environment " + folder + " could not be made:\n" + words)


main(sys.argv[1])
