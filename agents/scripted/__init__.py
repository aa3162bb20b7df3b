"""The scripted brain: facts, intents and a conversation that needs no language model. Pure."""
