package x

decision := {"effect": "allow", "reason": "public"}
