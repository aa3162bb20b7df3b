"""The API reference: a page drawn from the OpenAPI schema, so that it says what the API does."""
