package gatehouse.ingress
