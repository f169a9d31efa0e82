"""The parts of the kill test: the app's processes, the crowd, the killer and the promises."""
