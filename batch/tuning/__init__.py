"""The search for the hyper-parameters of the lists that suit the history best."""
