"""What Lambda layers are made of: the package itself, and third-party packages by group."""
