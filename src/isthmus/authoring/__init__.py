"""What authors of definitions run and a server never imports: lint, contract suite, recording, scaffold."""
