"""What runs beside a job or on a laptop: one file, `__main__.py`, of the standard library only."""
