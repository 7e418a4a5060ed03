"""A network that is cut: connections to PostgreSQL are made so that it is noticed.

That packets are lost cannot be shown here; what is shown is what the driver is told to do then.
"""

import socket
from collections.abc import Mapping
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from memva import StoreUnavailable
from memva.adapters.postgres import PostgresStore
from memva.adapters.postgres import connection as postgres_connection

NOTICED = {
    "connect_timeout": "10",
    "keepalives_idle": "5",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "tcp_user_timeout": "15000",
}


def told(store: PostgresStore) -> Mapping[str, str]:
    """Return what the driver was told to do when the network is cut; for all connections alike."""
    apart = store._transactions.apart
    with apart() as kept, store.reserved(), apart() as reserved:
        parameters = [each.info.get_parameters() for each in (kept, reserved)]
    [one, other] = [
        {name: value for name, value in each.items() if name in NOTICED} for each in parameters
    ]
    assert one == other
    return one


def test_connections_end_when_nobody_answers(postgres_url: str, postgres_schema: str) -> None:
    with PostgresStore.open(postgres_url, schema=postgres_schema) as store:
        assert told(store) == NOTICED


def test_what_the_url_names_stays(postgres_url: str, postgres_schema: str) -> None:
    url = make_conninfo(postgres_url, connect_timeout=7, tcp_user_timeout=0, keepalives_idle=60)
    with PostgresStore.open(url, schema=postgres_schema) as store:
        assert told(store) == {
            **NOTICED,
            "connect_timeout": "7",
            "tcp_user_timeout": "0",
            "keepalives_idle": "60",
        }


def test_what_the_environment_names_stays(
    postgres_url: str, postgres_schema: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = tmp_path / "services"
    services.write_text("[memva]\nkeepalives_idle=60\n")
    monkeypatch.setenv("PGSERVICEFILE", f"{services}")
    monkeypatch.setenv("PGSERVICE", "memva")
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "7")
    with PostgresStore.open(postgres_url, schema=postgres_schema) as store:
        assert told(store) == {**NOTICED, "connect_timeout": "7", "keepalives_idle": "60"}


def test_service_that_the_url_names_says_all(
    postgres_url: str, postgres_schema: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = tmp_path / "services"
    services.write_text("[memva]\nkeepalives_idle=60\n")
    monkeypatch.setenv("PGSERVICEFILE", f"{services}")
    url = make_conninfo(postgres_url, service="memva")
    with PostgresStore.open(url, schema=postgres_schema) as store:
        # How long connecting may take is psycopg's to see to, which does not read the file.
        assert told(store) == {"connect_timeout": "10", "keepalives_idle": "60"}


def test_service_that_the_environment_names_bounds_connecting(
    postgres_url: str, postgres_schema: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = tmp_path / "services"
    services.write_text("[memva]\nconnect_timeout=6\n")
    monkeypatch.setenv("PGSERVICEFILE", f"{services}")
    monkeypatch.setenv("PGSERVICE", "memva")
    assert postgres_connection.connect_options(postgres_url)["connect_timeout"] == "6"


def test_server_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(postgres_connection._ENDS_WHAT_IS_CUT, "connect_timeout", "1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://memva@127.0.0.1:{silent.getsockname()[1]}/memva"
        with pytest.raises(StoreUnavailable, match="timeout"):
            PostgresStore.open(url)
