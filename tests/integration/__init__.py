"""The rooms together: the running product, its database and the fakes."""
