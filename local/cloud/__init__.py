"""The embedded cloud: start it, synthesize the app, deploy it."""
