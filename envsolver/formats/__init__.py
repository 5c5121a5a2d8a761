"""One module per export or import format: lock to text, text to lock or spec. Pure."""
