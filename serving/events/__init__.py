"""POST /v1/events, DELETE /v1/events/{event_id} and GET /v1/event-kinds."""
