"""Background jobs of an account: post-install and validation until it is active, and its actions."""
