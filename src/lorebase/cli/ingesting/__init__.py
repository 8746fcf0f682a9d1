"""Files and folders on their way into a knowledge base."""
