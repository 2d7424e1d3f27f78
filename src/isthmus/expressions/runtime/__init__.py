"""What generated code calls where straight code ends: the slow, exact half of each operation."""
