package custom.ingress.x

deny[why] { why := "x" }
