"""What an app promises on any store, at the level of its users."""

from leftfold.testing.contracts.app_boundaries import AppBoundaries
from leftfold.testing.contracts.app_commands import AppCommands
from leftfold.testing.contracts.app_processes import AppProcesses
from leftfold.testing.contracts.app_publishing import AppPublishing
from leftfold.testing.contracts.app_reactions import AppReactions
from leftfold.testing.contracts.app_views import AppViews
from leftfold.testing.contracts.app_workflows import AppWorkflows


class AppContract(AppCommands, AppBoundaries, AppViews, AppReactions, AppProcesses, AppWorkflows, AppPublishing):
    """Subclass with `make_backend`."""
