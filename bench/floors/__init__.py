"""What Luota is measured against, each a program of its own that says `ready <port>` when it listens."""
