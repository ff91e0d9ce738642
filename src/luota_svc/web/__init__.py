"""Pages for people, rendered here and served by the HTTP door: HTML out, no rule and no SQL."""
