"""Where people look at flow runs in Prefect."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class PrefectPages:
    """The addresses of Prefect's pages."""

    url: str | None
    """None: it is not known where they are."""

    def of_flow_run(self, flow_run_id: UUID | None) -> str | None:
        """The page of a flow run; None: there is none, or it is not known where."""
        if self.url is None or flow_run_id is None:
            return None
        return f"{self.url.rstrip('/')}/runs/flow-run/{flow_run_id}"
