// Command mutants breaks the overlay on purpose, in one small way after another, and
// sees whether storms of faults find it out: a simulation that does not catch them
// proves nothing about the code that it passes.
//
// A mutant is a patch in lab/testdata/mutants, in the unified format, with what it
// breaks on its first line after "# ". It is applied to copies, which go build -overlay
// puts in the place of the files. A patch that no longer applies is an error: it was made
// for other code than there is. `make mutants` runs all and prints the seed that caught
// each.
package main
