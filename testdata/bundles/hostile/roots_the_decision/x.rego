package gatehouse.ingress

decision := {"effect": "allow", "reason": "public"}
