"""The values that the other packages pass on, and the Protocols at the edge. No I/O."""
