"""envsolver beside uv: the same answers, and what they cost. Run as ``python -m benchmarks.judge`` or ``.timing``."""
