"""What is known of users without asking the store."""
