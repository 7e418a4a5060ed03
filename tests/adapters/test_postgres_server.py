"""The server that the tests run on is one that a host may have: with an ordinary role."""

import psycopg


def test_role_is_an_ordinary_one(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    assert row == (False, False, False)
