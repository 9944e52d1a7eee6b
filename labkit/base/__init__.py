"""What every layer stands on: errors, files, data folders, TOML, interrupts. Nothing here knows about models."""
