package gatehouse.admin

decision := {"effect": "allow", "reason": "public"}
