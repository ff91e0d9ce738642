"""Measures Luota against floors of the same run; `python -m bench`. Peers of the code, not tests."""
