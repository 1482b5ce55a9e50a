package terms

import "github.com/open-policy-agent/opa/v1/ast"

// Object makes an object of pairs whose keys are strings. The last of
// equal keys counts; ast.NewObject would keep them all.
func Object(pairs [][2]*ast.Term) ast.Object {
	if len(pairs) <= fewPairs {
		return ast.NewObject(lastOfEqual(pairs)...)
	}
	places := make(map[ast.Value]int, len(pairs))
	unique := pairs[:0]
	for _, pair := range pairs {
		if i, repeated := places[pair[0].Value]; repeated {
			unique[i] = pair
			continue
		}
		places[pair[0].Value] = len(unique)
		unique = append(unique, pair)
	}
	return ast.NewObject(unique...)
}

// fewPairs is up to where comparing all keys costs less than a map of them.
const fewPairs = 16

func lastOfEqual(pairs [][2]*ast.Term) [][2]*ast.Term {
	unique := pairs[:0]
next:
	for _, pair := range pairs {
		for i := range unique {
			if unique[i][0].Value == pair[0].Value {
				unique[i] = pair
				continue next
			}
		}
		unique = append(unique, pair)
	}
	return unique
}
