"""Backup and restore of a whole installation: database, certificate authority, what else cannot be made again."""
