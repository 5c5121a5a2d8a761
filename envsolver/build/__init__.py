"""Environments out of locks: interpreter, wheels, bytecode, the tree that they make, and the proof of it."""
