"""The sequencer of DynamoDB's log: what it promises, on values and in simulated bad weather, by the seed."""
