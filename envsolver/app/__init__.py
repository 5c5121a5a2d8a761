"""The use cases that wire the parts; what the command line calls and the public API re-exports."""
