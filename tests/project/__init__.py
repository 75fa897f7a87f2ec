"""The project itself: its architecture, its documents, its command line, what is in the repository."""
