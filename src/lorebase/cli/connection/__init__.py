"""How commands reach the API or the stack."""
