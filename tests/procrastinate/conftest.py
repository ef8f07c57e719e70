"""What the tests with procrastinate share: a database with its tables, and apps that use it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import procrastinate
import psycopg
import pytest
from procrastinate.schema import SchemaManager

import airlock
import procrastinate_shop
import servers
import tcp_proxy

# Counts the INSERT statements that were committed: those that one by one would be many.
COUNTER = """
CREATE TABLE inserts (jobs bigint);
CREATE FUNCTION count_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO inserts SELECT count(*) FROM made;
    RETURN NULL;
END $$;
CREATE TRIGGER count_insert AFTER INSERT ON procrastinate_jobs
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION count_insert();
"""


@pytest.fixture(autouse=True)
def _as_the_library_starts() -> Iterator[None]:
    """No settings of a test before, such as those of Django's."""
    airlock.reset_configuration()
    yield
    airlock.reset_configuration()


class Jobs:
    """The table of jobs, as seen from a connection of its own.

    Args:
        database: where it is.
    """

    def __init__(self, database: servers.Database) -> None:
        self.database = database
        self.url = database.url
        self.connection = psycopg.connect(database.url, autocommit=True)

    def rows(self, *columns: str) -> list[Any]:
        """These columns of every job, in the order of their ids; one column without its tuple."""
        query = f"SELECT {', '.join(columns)} FROM procrastinate_jobs ORDER BY id"
        found = self.connection.execute(query.encode()).fetchall()
        return [row[0] for row in found] if len(columns) == 1 else found

    @property
    def numbers(self) -> list[int]:
        """The argument `number` of every job."""
        return [args.get("number") for args in self.rows("args")]

    @property
    def inserts(self) -> list[int]:
        """How many jobs each INSERT has made."""
        return [row[0] for row in self.connection.execute("SELECT jobs FROM inserts").fetchall()]


@pytest.fixture(scope="session")
def make_tables() -> Callable[[servers.Database], None]:
    """A function that makes procrastinate's tables in a database, and what counts the INSERTs."""

    def make(database: servers.Database) -> None:
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute(SchemaManager.get_schema().encode())
            connection.execute(COUNTER.encode())

    return make


@pytest.fixture(scope="session")
def new_database(postgres: servers.Postgres, make_tables) -> Callable[[], servers.Database]:
    """A function that returns a database with procrastinate's tables."""

    def new() -> servers.Database:
        database = postgres.create_database("procrastinate")
        make_tables(database)
        return database

    return new


@pytest.fixture(scope="session")
def _database(new_database) -> servers.Database:
    return new_database()


@pytest.fixture
def jobs(_database) -> Iterator[Jobs]:
    """A table without jobs."""
    jobs = Jobs(_database)
    jobs.connection.execute("TRUNCATE procrastinate_jobs, inserts CASCADE")
    jobs.connection.execute("CREATE TABLE IF NOT EXISTS orders (number int)")
    jobs.connection.execute("TRUNCATE orders")
    with jobs.connection:
        yield jobs


@pytest.fixture
def make_app() -> Iterator[Callable[..., procrastinate.App]]:
    """A function that makes an app for a blocking program, opens it, and closes it at the end."""
    with contextlib.ExitStack() as stack:

        def make(url: str, **settings: Any) -> procrastinate.App:
            settings = {"min_size": 1, "max_size": 2, **settings}
            connector = procrastinate.SyncPsycopgConnector(conninfo=url, **settings)
            app = procrastinate.App(connector=connector)
            app.shop = procrastinate_shop.tasks_of(app)
            return stack.enter_context(app.open())

        yield make


@pytest.fixture
def app(jobs, make_app) -> procrastinate.App:
    """An app that is open."""
    return make_app(jobs.url)


@pytest.fixture
def shop(app) -> SimpleNamespace:
    """The tasks of that app."""
    return app.shop


@pytest.fixture
def proxy(postgres: servers.Postgres) -> Iterator[tcp_proxy.Proxy]:
    """A proxy in front of the private PostgreSQL."""
    with tcp_proxy.Proxy(postgres.port) as proxy:
        yield proxy


@pytest.fixture
def far(jobs, make_app, proxy) -> procrastinate.App:
    """An app that sees the database through the proxy, which ends before the app says goodbye."""
    return make_app(jobs.url.replace(f":{jobs.database.port}/", f":{proxy.port}/"))
