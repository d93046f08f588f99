"""Entry point: `python -m sql` brings the database to the newest revision."""

import argparse
import sys

from domain.errors import TandemError
from sql.engine import make_engine
from sql.environment import refuse_unknown_variables
from sql.migrate import migrate, migrate_back
from sql.settings import OwnerSettings


def main() -> None:
    """Migrate the database, as DATABASE_OWNER_URL if that is set, else as DATABASE_URL."""
    parser = argparse.ArgumentParser(
        prog="python -m sql", description="Bring the database to the newest revision."
    )
    parser.add_argument(
        "--back-to",
        metavar="REVISION",
        help="take back the revisions after this one, with what is stored in what they added",
    )
    back_to = parser.parse_args().back_to
    refuse_unknown_variables()
    settings = OwnerSettings()
    engine = make_engine(settings.owner_url, application_name="tandem-migrate")
    try:
        if back_to is None:
            migrate(engine, *settings.logins)
        else:
            migrate_back(engine, back_to)
    except TandemError as error:
        sys.exit(str(error))
    finally:
        engine.dispose()


if __name__ == "__main__":
    main()
