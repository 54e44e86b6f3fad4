// Package layers keeps the picture of the house true: which room may import
// which, what a pure room may not do, and what every package owes its reader.
//
// The picture is a table, layers.txt, that people read first and the tests read
// too. A room is a package, or a folder of packages of one kind. The checker
// loads the program with its types, so a renamed or dotted import, or a
// forbidden function taken as a value, is seen as well as a plain call. Only
// the files that are built on this machine are seen, and of test files only
// those of rooms whose row in the table says what their tests may import.
//
// The rules, and the file that holds each:
//
//   - imports.go: imports of our own packages as the table says, every package
//     in the table, modules of others only where they belong, cryptography
//     beyond hashes only where it belongs, no blank imports.
//   - pure.go: in a pure room no clock, no input or output, no goroutine, no
//     channel, no lock, no system randomness.
//   - maprange.go: in a pure room no loop whose result may hang on the order
//     of a map. Loops whose order cannot be seen are let through; see there.
//   - offloop.go: a function that is given to Work writes to nothing that was declared
//     outside of it.
//   - starts.go: goroutines only at the edges; no init functions.
//   - docs.go: every package and every exported name has a comment; at most
//     one function in a hundred is longer than a hundred lines; gofmt.
//   - links.go: links from the documents to files and tests lead somewhere.
//
// Each finding says what was found, why it is banned and how to mend it. The
// table changes when the picture becomes clearer, in a commit of its own with
// the reason; never to make a build pass.
package layers
