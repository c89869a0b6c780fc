"""The HTTP API as an OpenAPI document, made from the definitions alone."""
