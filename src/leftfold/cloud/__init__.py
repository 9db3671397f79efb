"""Floor 8: an app's infrastructure as plain data: `synth(app, "bank:bank")` gives the files of its stacks.

Knows: apps, their settings in a deployment, CloudFormation's resources. Pure: it must not know the network, a clock, an
account or a region; whatever depends on those is a reference that CloudFormation resolves.
"""
