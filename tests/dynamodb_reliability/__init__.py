"""Rows D1 and D2 of the reliability table, and what else may go wrong between a session and DynamoDB."""
