"""The search for the hyperparameters of the lists that suit the history best."""
