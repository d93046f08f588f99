"""Entry point `python -m flows.prefect_worker`: Prefect's worker, `prefect worker start`.

Its options are those of that command.
"""

import sys

from flows.ascii_slugs import load_tables_when_needed

if __name__ == "__main__":
    load_tables_when_needed()

from prefect.cli import app

if __name__ == "__main__":
    sys.argv[1:1] = ["worker", "start"]
    app()
