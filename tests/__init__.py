"""The tests of envsolver."""
