package customs

decision := {"effect": "allow", "reason": "public"}
