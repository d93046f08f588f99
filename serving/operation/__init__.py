"""GET /healthz, /readyz and /metrics: for whoever runs the service."""
