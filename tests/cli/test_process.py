"""What only a process of its own can show: pipes, terminals, Ctrl-C, a missing package."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from memva import NoRetry, create_job, create_session, fail_job, get_next_job, record_event
from memva.adapters.sqlite import SqliteStore

from .conftest import SAMPLE, Run, Start

PRESS_CTRL_C = """
import os, signal
from memva.cli import importing, main

# A shell may have started the tests with Ctrl-C turned off.
signal.signal(signal.SIGINT, signal.default_int_handler)
whole_import = importing.import_transcripts

def interrupted(store, source, *, on_progress, **options):
    def press(progress):
        on_progress(progress)
        if progress.bytes:
            os.kill(os.getpid(), signal.SIGINT)
    return whole_import(store, source, on_progress=press, **options)

importing.import_transcripts = interrupted
main()
"""

WITHOUT_A_PACKAGE = """
import sys
sys.modules[sys.argv[1]] = None
from memva.cli import main
main()
"""


def on_terminal(start: Start, *arguments: str | Path) -> str:
    """Return what the command writes, both streams, to a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    process = start(*arguments, stdout=theirs, stderr=theirs)
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError:
            break
        if not part:
            break
        written += part
    os.close(ours)
    assert process.wait() == 0
    return written.decode().replace("\r\n", "\n")


@pytest.fixture(autouse=True)
def terminal(own_surroundings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")


def test_the_module_is_the_command(start: Start) -> None:
    out, err = start("--version").communicate()
    assert out.startswith(b"memva ")
    assert err == b""


def test_a_pipe_gets_no_bar_no_colour_and_nothing_cut(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    imported, bar = start("import", SAMPLE).communicate()
    listed, _ = start("sessions").communicate()
    shown, _ = start("show", "7d").communicate()
    assert bar == b""
    assert b"\x1b" not in imported + listed + shown
    assert "Keep the e-mail address after a failed login" in listed.decode()
    assert "Done: the form is rendered with the address that was typed, and a test" in (
        shown.decode()
    )


def test_an_encoding_that_lacks_a_character_ends_nothing(
    start: Start, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("import", SAMPLE)
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    process = start("show", "c4")
    out, err = process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert out.startswith(b"?bersetze die Startseite")


def test_a_terminal_gets_a_bar_and_lines_that_fit(start: Start) -> None:
    imported = on_terminal(start, "import", SAMPLE)
    assert "5/5 transcripts" in imported
    assert "2 sessions created\n" in imported
    listed = on_terminal(start, "sessions")
    assert "\x1b[1mID" in listed
    assert "Keep the e-mail add…  app" in listed
    assert "100%" in on_terminal(start, "backup", Path(os.environ["HOME"] + ".db"))


def test_a_terminal_gets_jobs_that_fit_and_a_bar_without_an_end(
    start: Start, store: SqliteStore
) -> None:
    job = create_job(store, type="a-type-of-jobs")
    claimed = get_next_job(store, worker_id="worker")
    assert claimed is not None
    fail_job(store, claimed, "a long error " * 20, retry=NoRetry())
    listed = on_terminal(start, "jobs").splitlines()
    assert "\x1b[1mID" in listed[0]
    assert listed[1].endswith("  a long error a lo…")
    shown = on_terminal(start, "jobs", "show", job.id).splitlines()
    assert shown[-1].endswith("  a long error a long er…")
    assert max(map(len, [*listed[1:2], *shown[2:]])) <= 80
    pruned = on_terminal(start, "jobs", "prune", "--older-than", "0s", "--status", "failed")
    assert "1 deleted" in pruned
    assert "left" not in pruned
    assert pruned.endswith("1 job deleted.\n")


def test_a_terminal_gets_markdown_laid_out(start: Start, store: SqliteStore) -> None:
    create_session(store, project_path="/p", id="s")
    answer = "# Done\n\n- **bold** &#x202e;\x1b[2J\n\n```python\nx = 1\n```\n[a](http://b.c)"
    for event_type, said in ("user", "# as it is"), ("assistant", answer):
        record_event(
            store,
            session_id="claude",
            event_type=event_type,
            data={"message": {"content": said}},
            memva_session_id="s",
        )
    shown = on_terminal(start, "show", "s")
    assert "\n  # as it is\n" in shown
    assert "\x1b[1mbold\x1b[0m" in shown
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert "\x1b" not in plain
    assert plain.splitlines()[-7:] == [
        "  Done",
        "",
        "   • bold �",
        "",
        "    x = 1",
        "",
        "  a (http://b.c)",
    ]


def test_a_terminal_that_wants_no_colour_gets_none(
    start: Start, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("import", SAMPLE)
    monkeypatch.setenv("NO_COLOR", "1")
    shown = on_terminal(start, "show", "7d")
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert "  The login form forgets the e-mail address after a wrong password. Please fix\n" in (
        shown
    )


@pytest.mark.parametrize(
    "command",
    [
        ["sessions"],
        ["sessions", "--json"],
        ["show", "7d"],
        ["show", "7d", "--json"],
        ["jobs"],
        ["jobs", "--json"],
    ],
)
def test_a_reader_who_leaves_ends_it_quietly(
    start: Start, run: Run, store: SqliteStore, command: list[str]
) -> None:
    run("import", SAMPLE)
    create_job(store, type="prompt")
    process = start(*command)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 141


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&-"])
@pytest.mark.parametrize("command", [["sessions"], ["show", "7d"], ["show", "7d", "--json"]])
def test_closed_streams_are_written_nowhere(run: Run, closed: str, command: list[str]) -> None:
    run("import", SAMPLE)
    shell = ["sh", "-c", f'"$@" {closed}', "sh", sys.executable, "-m", "memva.cli", *command]
    process = subprocess.run(shell, capture_output=True, check=False)
    assert (process.returncode, process.stderr) == (0, b"")


# Where there is a device that is always full.
if sys.platform == "linux":

    def test_a_full_disk_is_one_error_line(start: Start, run: Run) -> None:
        run("import", SAMPLE)
        with Path("/dev/full").open("wb") as full:
            process = start("sessions", stdout=full.fileno())
            _, err = process.communicate()
        assert process.returncode == 1
        assert err == b"memva: error: No space left on device\n"


def test_ctrl_c_keeps_what_was_imported_and_the_next_import_goes_on(start: Start, run: Run) -> None:
    process = start("import", SAMPLE, code=PRESS_CTRL_C)
    out, err = process.communicate()
    assert process.returncode == 130
    assert out == b""
    assert err == (b"Interrupted; what was imported is kept. Run the same command to go on.\n")
    assert len(run("sessions").stdout.splitlines()) == 2
    assert "1 session created" in run("import", SAMPLE).stdout
    assert len(run("sessions").stdout.splitlines()) == 3


@pytest.mark.parametrize("package", ["click", "rich", "platformdirs"])
def test_a_missing_package_is_one_line_that_says_what_to_install(
    start: Start, package: str
) -> None:
    process = start(package, code=WITHOUT_A_PACKAGE)
    out, err = process.communicate()
    assert (process.returncode, out) == (1, b"")
    assert err == (b'memva: error: the command needs more packages: pip install "memva[cli]"\n')


def test_standard_error_is_a_pipe_too(start: Start) -> None:
    process = start("sessions", stderr=subprocess.STDOUT)
    out, _ = process.communicate()
    assert b'Run "memva import"' in out
    assert b"\x1b" not in out
