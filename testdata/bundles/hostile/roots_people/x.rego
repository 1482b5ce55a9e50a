package identity

decision := {"effect": "allow", "reason": "public"}
