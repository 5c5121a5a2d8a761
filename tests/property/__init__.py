"""Laws that hold for all inputs, checked over generated ones."""
