"""The import paths of the integrations, over the plugins that carry them."""
