"""Vendors behind ports: model providers, ARQ, Redis, blob storage, parsers."""
