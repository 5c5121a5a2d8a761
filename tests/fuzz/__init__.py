"""Hostile input for every parser: ``python -m tests.fuzz`` looks for it, ``test_fuzz.py`` repeats what was found."""
