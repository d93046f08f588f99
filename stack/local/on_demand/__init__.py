"""Prefect's server and worker, which run only while a run is due or somebody asks.

No run may be lost by it. Prefect itself makes the runs of all schedules before it is stopped, and
says which comes first; it is started some minutes before that. Its port is held open by the
supervisor: who connects meanwhile waits until a server answers, and is the reason to start one.
"""
