"""Where candidates come from: simple-API indexes, frozen indexes, local files; metadata; HTTP; the cache."""
