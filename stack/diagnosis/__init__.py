"""What `tandem diagnose` looks at beside what the API judges: machine, processes, Prefect.

`judging` is pure; `stores`, `api` and `prefect` ask; `whole` puts everything together.
"""
