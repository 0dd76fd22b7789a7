"""One module or package a system."""
