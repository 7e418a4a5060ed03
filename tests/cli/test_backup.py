from __future__ import annotations

from pathlib import Path

from .conftest import Run


def test_a_backup_is_a_database_of_its_own(run: Run, history: Path, tmp_path: Path) -> None:
    run("import", history)
    result = run("backup", tmp_path / "copy.db")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Backed up to {tmp_path / 'copy.db'} (")
    assert result.stderr == ""
    assert run("--db", tmp_path / "copy.db", "sessions").stdout == run("sessions").stdout


def test_an_existing_file_is_refused_and_kept(run: Run, history: Path, tmp_path: Path) -> None:
    run("import", history)
    target = tmp_path / "precious"
    target.write_text("precious")
    result = run("backup", target)
    assert result.exit_code == 1
    assert result.stderr == (f"memva: error: {target} exists already; a backup needs a new file\n")
    assert target.read_text() == "precious"


def test_a_folder_that_is_not_there_is_one_error_line(
    run: Run, history: Path, tmp_path: Path
) -> None:
    run("import", history)
    result = run("backup", tmp_path / "no" / "copy.db")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"memva: error: {tmp_path / 'no' / 'copy.db'}")
    assert result.stderr.count("\n") == 1


def test_where_there_is_no_database_nothing_is_made(
    run: Run, database: Path, tmp_path: Path
) -> None:
    result = run("backup", tmp_path / "copy.db")
    assert result.exit_code == 1
    assert "there is no database" in result.stderr
    assert not database.exists()
    assert not (tmp_path / "copy.db").exists()
