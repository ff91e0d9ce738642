"""Redis and only Redis: token buckets, and what happens when Redis is away. Not what to do about a refusal."""
