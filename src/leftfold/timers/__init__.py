"""Floor 5: timers that fire, alarms that are set for them, and runs that are stuck.

Knows: the view of runs, their owners, the port of alarms. Must not know: what a process or a workflow does when one fires.
"""
