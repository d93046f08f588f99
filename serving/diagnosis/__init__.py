"""GET /v1/admin/diagnose: what is wrong, since when and what to do; figures in, findings out.

`finding` is the word all share; `store`, `run`, `speed`, `process` and `away` judge figures and are
pure; `diagnose` asks the stores of an API process. The command line judges by the same functions.
"""
