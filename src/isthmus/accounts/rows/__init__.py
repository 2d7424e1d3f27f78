"""What the row of an integrated account holds, the checks before it is written, and how it is shown."""
