"""The lock: its values, its canonical file, its graph. Pure."""
