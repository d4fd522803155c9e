"""Runs: started, followed, stopped, recorded and summed up. Knows engine and events, no viewer."""
