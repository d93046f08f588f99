"""What operators do over HTTP: runs, cached answers, settings in force, and how quick it is."""
