"""The Gradio page: sees runs and events, never the engine's inside."""
