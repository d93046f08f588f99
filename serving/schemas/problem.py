"""What every error is answered with: a problem document (RFC 9457)."""

from pydantic import BaseModel, ConfigDict, Field


class FaultAnswer(BaseModel):
    """One thing that is wrong with a request."""

    model_config = ConfigDict(title="Fault")

    pointer: str = Field(
        description="Where: a JSON pointer into the body (RFC 6901), or the parameter as"
        " query:NAME or path:NAME.",
        examples=["/events/3/kind", "query:limit"],
    )
    detail: str = Field(description="What is wrong, and what would be right.")


class ProblemAnswer(BaseModel):
    """A problem document (RFC 9457)."""

    model_config = ConfigDict(title="Problem")

    type: str = Field(
        description="The kind of problem, which stays the same.",
        examples=["urn:tandem:problem:faulty-input"],
    )
    title: str = Field(description="The phrase of the status.")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="What is wrong, and what would be right.")
    instance: str = Field(description="The path that was asked for.")
    request_id: str = Field(description="Under which the log has the request.")
    errors: list[FaultAnswer] = Field(
        [], description="What is wrong with the request, each with its location; up to 20."
    )
    event_ids: list[str] = Field(
        [],
        description="Only of the type events-not-acknowledged: what to send the events with when"
        " they are sent again.",
    )
