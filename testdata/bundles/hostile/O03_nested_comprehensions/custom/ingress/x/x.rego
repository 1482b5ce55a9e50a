package custom.ingress.x

deny contains "x" if {
	x := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := [y | y := 1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]
	x == 3
}
