// Package compare measures what package snapshot could be made of: structures
// and forms of documents, at three sizes, one beside the other. It is a module of
// its own so that the candidates are no dependencies of Gatehouse.
//
//	go test -run Structures -v -sizes 1000,100000,1000000
//
// prints the table that docs/performance.md quotes.
package compare
