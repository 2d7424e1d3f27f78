"""What an environment has installed: integrations and unified models, with the environment's overrides."""
