"""DOOR where time knocks: loops that call use cases. No vendor details, no SQL."""
