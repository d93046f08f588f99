"""Loading over HTTP: files come in and are queued. The worker of `loading` reads them."""
