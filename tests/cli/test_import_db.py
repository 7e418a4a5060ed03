from __future__ import annotations

from pathlib import Path

import pytest
from tests.importing_db.conftest import LATEST, Seed, at

from memva import delete_session, list_sessions
from memva.adapters.sqlite import SqliteStore
from memva.cli import importing_db
from memva.domain import SourceUnreadable

from .conftest import Run


@pytest.fixture
def seed(tmp_path: Path) -> Seed:
    seed = Seed(tmp_path / "memva-prod.db").make(LATEST)
    seed.session("s1").session("s2", status="archived")
    seed.event("a", 1, memva_session_id="s1")
    seed.event("b", 2, session_id="another", memva_session_id="s2")
    return seed.job("j1").job("j2", status="pending")


def test_it_tells_what_it_came_to(run: Run, seed: Seed, database: Path) -> None:
    result = run("import-db", seed.path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "2 sessions created, 0 there already",
        "2 events added, 0 replaced, 0 there already",
        "2 jobs created, 0 there already",
        '1 job had not ended there and will not run here; "memva jobs retry" runs them',
    ]
    with SqliteStore.open(database) as store:
        assert [session.id for session in list_sessions(store)] == ["s1"]


def test_importing_again_adds_nothing(run: Run, seed: Seed) -> None:
    run("import-db", seed.path)
    assert run("import-db", seed.path).stdout.splitlines() == [
        "0 sessions created, 2 there already",
        "0 events added, 0 replaced, 2 there already",
        "0 jobs created, 2 there already",
    ]


def test_it_tells_of_all_the_rest(run: Run, seed: Seed) -> None:
    seed.put("settings", id="singleton", config={})
    seed.put("permission_requests", id="p", session_id="s1", status="denied", created_at=at(1))
    seed.run("CREATE TABLE moods (id TEXT)", "INSERT INTO moods VALUES ('a')")
    for number in range(7):
        seed.job(f"bad-{number}", type="")
    lines = run("import-db", seed.path).stdout.splitlines()
    assert lines[3:5] == [
        "1 permission request added, 0 replaced, 0 there already",
        "1 settings record added, 0 replaced, 0 there already",
    ]
    assert lines[6:] == [
        "1 row of the unknown table moods left out",
        "7 problems:",
        *(
            line
            for number in range(5)
            for line in (
                f"  jobs bad-{number}",
                "    type must be text that is not blank, without NUL",
            )
        ),
        "  … and 2 more",
    ]


def test_settings_that_are_there_are_told(run: Run, seed: Seed) -> None:
    seed.put("settings", id="singleton", config={})
    run("import-db", seed.path)
    lines = run("import-db", seed.path).stdout.splitlines()
    assert lines[3:] == ["0 settings records added, 0 replaced, 1 there already"]


def test_job_that_ended_there_since_is_told(run: Run, seed: Seed) -> None:
    run("import-db", seed.path)
    seed.job("j2")
    assert "1 job stopped before had ended there since" in run("import-db", seed.path).stdout


def test_deleted_sessions_are_left_out_and_told_of(run: Run, seed: Seed, database: Path) -> None:
    run("import-db", seed.path)
    with SqliteStore.open(database) as store:
        delete_session(store, "s2")
    assert "2 rows of deleted sessions left out; --restore brings them back" in (
        run("import-db", seed.path).stdout
    )
    restored = run("import-db", "--restore", seed.path).stdout
    assert restored.startswith("1 session created")
    assert "left out" not in restored


def test_without_a_path_it_takes_the_one_in_the_home_folder(
    run: Run, seed: Seed, tmp_path: Path
) -> None:
    result = run("import-db")
    assert result.exit_code == 1
    assert result.stderr == (
        f"memva: error: {tmp_path / 'home' / '.memva' / 'memva-prod.db'}: there is no such file; "
        "name the PATH of the database\n"
    )
    (tmp_path / "home" / ".memva").mkdir(parents=True)
    seed.path.rename(tmp_path / "home" / ".memva" / "memva-prod.db")
    assert run("import-db").stdout.startswith("2 sessions created")


def test_a_wrong_path_is_an_error_and_makes_no_database(
    run: Run, tmp_path: Path, database: Path
) -> None:
    result = run("import-db", tmp_path / "nowhere")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"memva: error: {tmp_path / 'nowhere'}: No such file or directory\n"
    assert not database.exists()


def test_a_database_is_not_imported_into_itself(run: Run, database: Path) -> None:
    SqliteStore.open(database).close()
    result = run("import-db", database)
    assert result.exit_code == 1
    assert "is a database of this memva, not of the TypeScript one" in result.stderr


def test_nothing_is_imported_into_the_typescript_memvas_own(run: Run, seed: Seed) -> None:
    before = seed.path.read_bytes()
    result = run("--db", seed.path, "import-db", seed.path)
    assert result.exit_code == 1
    assert "is a database of another application" in result.stderr
    assert seed.path.read_bytes() == before


def test_it_may_be_stopped(run: Run, seed: Seed, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(importing_db, "import_memva_database", stopped)
        result = run("import-db", seed.path)
    assert result.exit_code == 130
    assert result.stderr.startswith("Interrupted; what was imported is kept.")


def test_damage_is_one_line(run: Run, seed: Seed, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(*_: object, **__: object) -> None:
        raise SourceUnreadable("it", "is damaged")

    monkeypatch.setattr(importing_db, "import_memva_database", damaged)
    assert run("import-db", seed.path).stderr == "memva: error: it: is damaged\n"


def test_secrets_are_taken_out_where_that_is_asked_for(run: Run, seed: Seed) -> None:
    seed.session("s3", title="Rotate API_KEY=a1b2c3d4")
    run("import-db", seed.path, "--redact")
    titles = run("sessions").stdout
    assert "Rotate API_KEY=[redacted: api key]" in titles
    assert "a1b2c3d4" not in titles
