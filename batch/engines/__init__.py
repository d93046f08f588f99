"""Where the heavy parts of a night are computed: on this machine, or on Spark (`batch.spark`)."""
