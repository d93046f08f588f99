"""When and in which order: the nightly run as a Prefect flow, and its deployment.

Reads settings from the environment, opens the connections and calls the steps of `batch`. Writes to
the store through them, and flow runs, logs and artifacts to Prefect. The only folder that imports
prefect. Imports `batch`, `sql` and `domain`; never speed or serving.
"""
