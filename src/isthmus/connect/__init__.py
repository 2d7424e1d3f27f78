"""How a customer's user connects an account in a browser: link tokens, browser sessions, the steps of the
flow."""
