"""Who may do what: API keys, their scopes, and what is shown without one."""
