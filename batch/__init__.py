"""The batch layer: the whole history in, a model run out.

Reads the interaction log, the catalogue and the run being served. Writes `model_runs`, the run's
own partitions, and `live_run` when it is published. A library of steps that knows no scheduler:
arithmetic takes arrays and answers arrays, edges take a connection. Imports `domain` and `sql`;
never speed, serving or flows.
"""
