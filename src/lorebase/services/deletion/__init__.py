"""Removal of documents and of all that a knowledge base holds, with receipts."""
