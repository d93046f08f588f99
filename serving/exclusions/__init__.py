"""What users must not be shown: in the log, in each process and in Redis."""
