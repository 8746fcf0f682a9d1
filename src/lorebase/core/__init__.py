"""Settings, errors, logging, clock and identifiers: what every layer may use."""
