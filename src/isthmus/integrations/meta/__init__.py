"""Descriptions of integrations for people and agents: capabilities, tools, schemas of methods, guides."""
