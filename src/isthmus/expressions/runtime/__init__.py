"""What generated code calls: operators, field look-up, path steps, calls and results, on values of any
kind."""
