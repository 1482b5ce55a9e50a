package custom.lib.x

# METADATA
# entrypoint: true
decision := {"effect": "allow", "reason": "public"}
