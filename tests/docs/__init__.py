"""Every documented example runs: blocks.py reads a document, run.py plays it, test_docs.py does so for each of ours."""
