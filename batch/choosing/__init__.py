"""What a night chooses by its validation events: weights of a live score, how lists are made."""
