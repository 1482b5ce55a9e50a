package gatehouse.lib.subject

decision := {"effect": "allow", "reason": "public"}
