"""When and in which order: nights, searches and imports as Prefect flows, and their deployments.

Reads settings from the environment, opens the connections and calls the steps of `batch`. Writes to
the store through them, and flow runs, logs and artifacts to Prefect. The only folder that imports
prefect. Imports `batch`, `loading`, `sql` and `domain`; never speed or serving.
"""
