"""The stores compared with each other, and mended."""
