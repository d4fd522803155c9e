"""Nothing outlives the application, however it goes."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from lr_demo.serving import processes
from tests.serving.processes_of import alive, gone_within

FAMILY = textwrap.dedent(
    r"""
    import os, signal, subprocess, sys, time
    stubborn = subprocess.Popen([sys.executable, "-c",
        "import os, signal as s, time; s.signal(s.SIGTERM, s.SIG_IGN); os.write(1, b'up\\n'); time.sleep(600)"])
    runaway = subprocess.Popen(["sleep", "600"], start_new_session=True)
    os.write(1, f"pids {os.getpid()} {stubborn.pid} {runaway.pid}\n".encode())
    time.sleep(float(sys.argv[1]))
    """
)
"""A command with a child that ignores SIGTERM and one in a session of its own.

Two processes write to one pipe: each line in one call, since an unbuffered `print` writes its parts one by one.
"""

APPLICATION = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    from lr_demo.serving import processes
    command = processes.Command((sys.executable, "-c", sys.argv[2], "600"))
    asyncio.run(processes.run(command, Path(sys.argv[1]), lambda line: print(line, flush=True)))
    """
)


def family(seconds: float) -> processes.Command:
    return processes.Command((sys.executable, "-u", "-c", FAMILY, str(seconds)))


async def started(task: "asyncio.Task[processes.Ended]", lines: "asyncio.Queue[str]") -> list[int]:
    """The process ids of a family, once all of it is up."""
    pids: list[int] = []
    up = False
    while not (pids and up):
        line = await asyncio.wait_for(lines.get(), 30)
        up = up or line == "up"
        if line.startswith("pids"):
            pids = [int(word) for word in line.split()[1:]]
    assert not task.done()
    return pids


def test_output_goes_to_the_log_and_line_by_line_to_the_listener(tmp_path: Path) -> None:
    script = "import sys; sys.stdout.write('one\\rtwo\\n\\nthree'); sys.stderr.write(' é\\n'); sys.exit(7)"
    lines: list[str] = []
    log = tmp_path / "log"
    command = processes.Command((sys.executable, "-u", "-c", script))
    ended = asyncio.run(processes.run(command, log, lines.append))
    assert ended.status == 7
    assert lines == ["one", "two", "three é"]
    assert ended.tail == ("one", "two", "three é")
    assert log.read_bytes().decode() == "one\rtwo\n\nthree é\n"


def test_a_last_line_without_a_break_is_heard(tmp_path: Path) -> None:
    lines: list[str] = []
    command = processes.Command((sys.executable, "-c", "print('last words', end='')"))
    asyncio.run(processes.run(command, tmp_path / "log", lines.append))
    assert lines == ["last words"]


def test_the_environment_is_added_to_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "1")
    lines: list[str] = []
    script = "import os; print(os.environ['OURS'], os.environ['THEIRS'])"
    command = processes.Command((sys.executable, "-c", script), {"THEIRS": "2"})
    asyncio.run(processes.run(command, tmp_path / "log", lines.append))
    assert lines == ["1 2"]


def test_a_command_that_does_not_exist_ends_with_words(tmp_path: Path) -> None:
    ended = asyncio.run(processes.run(processes.Command(("/no/such/engine",)), tmp_path / "log", lambda line: None))
    assert ended.status == 127
    assert "/no/such/engine cannot be started" in ended.tail[-1]


def test_a_killed_command_says_by_which_signal(tmp_path: Path) -> None:
    script = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    ended = asyncio.run(
        processes.run(processes.Command((sys.executable, "-c", script)), tmp_path / "log", lambda line: None)
    )
    assert ended.status == 128 + signal.SIGKILL


def test_cancelling_ends_the_whole_family(tmp_path: Path) -> None:
    async def scenario() -> list[int]:
        lines: asyncio.Queue[str] = asyncio.Queue()
        task = asyncio.create_task(processes.run(family(600), tmp_path / "log", lines.put_nowait))
        pids = await started(task, lines)
        task.cancel()
        async with asyncio.timeout(processes.STOP_GRACE_S + 3):
            await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        return pids

    assert alive(asyncio.run(scenario())) == []


def test_cancelling_ends_the_whole_family_of_a_supervisor_that_is_stopped(tmp_path: Path) -> None:
    async def scenario() -> list[int]:
        lines: asyncio.Queue[str] = asyncio.Queue()
        task = asyncio.create_task(processes.run(family(600), tmp_path / "log", lines.put_nowait))
        pids = await started(task, lines)
        supervisor = psutil.Process(pids[0]).parent()
        assert supervisor is not None
        supervisor.suspend()
        task.cancel()
        async with asyncio.timeout(processes.STOP_GRACE_S + 3):
            await asyncio.gather(task, return_exceptions=True)
        return [supervisor.pid, *pids]

    assert gone_within(1, asyncio.run(scenario()))


def test_what_a_command_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    lines: list[str] = []
    ended = asyncio.run(processes.run(family(0.5), tmp_path / "log", lines.append))
    assert ended.status == 0
    (pids,) = (line.split()[1:] for line in lines if line.startswith("pids"))
    assert alive([int(pid) for pid in pids]) == []


def test_killing_the_application_ends_the_whole_family(tmp_path: Path) -> None:
    application = subprocess.Popen(
        [sys.executable, "-c", APPLICATION, str(tmp_path / "log"), FAMILY], stdout=subprocess.PIPE, text=True
    )
    assert application.stdout is not None
    with application, application.stdout as output:
        pids: list[int] = []
        up = False
        for line in output:
            up = up or line == "up\n"
            if line.startswith("pids"):
                pids = [int(word) for word in line.split()[1:]]
            if pids and up:
                break
        below = [process.pid for process in psutil.Process(application.pid).children(recursive=True)]
        assert set(pids) < set(below)
        application.kill()
    assert gone_within(processes.STOP_GRACE_S + 3, below)


def test_killing_the_supervisor_ends_the_whole_group(tmp_path: Path) -> None:
    async def scenario() -> tuple[list[int], processes.Ended]:
        lines: asyncio.Queue[str] = asyncio.Queue()
        script = (
            "import os, subprocess, time; c = subprocess.Popen(['sleep', '600']); print('pids', os.getpid(), c.pid)"
        )
        command = processes.Command((sys.executable, "-u", "-c", f"{script}; print('up'); time.sleep(600)"))
        task = asyncio.create_task(processes.run(command, tmp_path / "log", lines.put_nowait))
        pids = await started(task, lines)
        os.kill(psutil.Process(pids[0]).ppid(), signal.SIGKILL)
        async with asyncio.timeout(5):
            return pids, await task

    pids, ended = asyncio.run(scenario())
    assert ended.status == -signal.SIGKILL
    assert gone_within(2, pids)


def test_the_processor_time_of_a_command_holds_that_of_its_children_that_ended_too(tmp_path: Path) -> None:
    spin = "import time\nwhile time.process_time() < 0.3: pass"
    script = (
        f"import subprocess, sys, time; subprocess.run([sys.executable, '-c', {spin!r}]); print('up'); time.sleep(600)"
    )

    async def scenario() -> float:
        lines: asyncio.Queue[str] = asyncio.Queue()
        pids: list[int] = []
        command = processes.Command((sys.executable, "-u", "-c", script))
        task = asyncio.create_task(processes.run(command, tmp_path / "log", lines.put_nowait, pids.append))
        assert await asyncio.wait_for(lines.get(), 30) == "up"
        used = processes.cpu_seconds(pids[0])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert processes.cpu_seconds(pids[0]) == 0
        return used

    assert asyncio.run(scenario()) >= 0.3


def test_a_command_that_heeds_sigterm_is_not_waited_for(tmp_path: Path) -> None:
    async def scenario() -> float:
        lines: asyncio.Queue[str] = asyncio.Queue()
        task = asyncio.create_task(
            processes.run(
                processes.Command(("sh", "-c", "echo up; exec sleep 600")), tmp_path / "log", lines.put_nowait
            )
        )
        await lines.get()
        begun = time.monotonic()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return time.monotonic() - begun

    assert asyncio.run(scenario()) < processes.STOP_GRACE_S / 2
