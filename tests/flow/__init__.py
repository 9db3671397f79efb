"""The whole flow: commands, the log, views, reactions, publishing, another app, an inbox, the archive."""
