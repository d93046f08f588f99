"""Entry point: `python -m sql` brings the database to the newest revision."""

from sql.engine import make_engine
from sql.migrate import migrate
from sql.settings import DatabaseSettings


def main() -> None:
    """Migrate the database that DATABASE_URL names."""
    engine = make_engine(DatabaseSettings().database_url.get_secret_value())
    migrate(engine)
    engine.dispose()


if __name__ == "__main__":
    main()
