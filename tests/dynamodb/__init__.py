"""DynamoDB beyond the contracts: lost replies, late workers, crashes, costs."""
