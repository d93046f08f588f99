"""The bodies of requests and answers, as the documentation shows them."""
