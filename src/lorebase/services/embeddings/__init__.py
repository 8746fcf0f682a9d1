"""What embedding models read and give."""
