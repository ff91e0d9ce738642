"""The words of Luota as frozen values; standard library only, no behaviour beyond what a word means."""
