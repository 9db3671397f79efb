"""The examples at work: the ledger of a real bank, and what explain and trace say of the small one."""
