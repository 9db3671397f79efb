"""The testbed for Lambda handlers: AWS's runtime, and the event source mappings."""
