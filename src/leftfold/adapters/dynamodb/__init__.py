"""DynamoDB: the event store, its log, views and checkpoints, on three tables.

Knows: the key design (layout.py), botocore, what may go wrong on the way there (calls.py). Must not know: codec, apps.
Implements every port but SqlTables. A commit is one conditional write; its place in the log comes after the fact.
"""

from leftfold.adapters.dynamodb.backend import open_dynamodb, open_sequencers

__all__ = ["open_dynamodb", "open_sequencers"]
