"""Ingest: device records in, commits out, each record once in effect; and the format that packs many into one."""
