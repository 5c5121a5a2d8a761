"""What a lock expects of a GPU node, the probe that runs inside the built environment, and what both together say."""
