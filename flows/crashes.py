"""Flow runs whose process died: Prefect cannot know of it, whoever finds out reports it."""

import uuid

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed


def report_crash(flow_run_id: uuid.UUID | None, reason: str) -> None:
    """Mark a flow run as crashed, if Prefect knows it and believes it to be at work."""
    if flow_run_id is None:
        return
    with get_client(sync_client=True) as client:
        try:
            state = client.read_flow_run(flow_run_id).state
        except ObjectNotFound:
            return
        if state is not None and not state.is_final():
            client.set_flow_run_state(flow_run_id, Crashed(message=reason), force=True)
