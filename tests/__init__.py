"""What the project promises, executed. A folder per kind of promise; see CONTRIBUTING.md."""
