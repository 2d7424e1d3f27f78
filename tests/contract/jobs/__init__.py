"""What any job engine behind the door must do: one suite, on both databases. It guards each bump."""
