"""How a customer's user connects an account in a browser (`connect.md`): link tokens, sessions, the flow."""
