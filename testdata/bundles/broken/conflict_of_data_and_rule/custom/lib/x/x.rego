package custom.lib.x

a := 1
