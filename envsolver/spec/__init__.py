"""The spec file: schema, loading with positions, ``extends``."""
