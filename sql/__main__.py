"""Entry point: `python -m sql` brings the database to the newest revision."""

from sql.engine import make_engine
from sql.environment import refuse_unknown_variables
from sql.migrate import migrate
from sql.settings import OwnerSettings


def main() -> None:
    """Migrate the database, as DATABASE_OWNER_URL if that is set, else as DATABASE_URL."""
    refuse_unknown_variables()
    settings = OwnerSettings()
    engine = make_engine(settings.owner_url, application_name="tandem-migrate")
    migrate(engine, *settings.logins)
    engine.dispose()


if __name__ == "__main__":
    main()
