// Command mutants breaks the overlay on purpose, in one small way after another, and
// sees whether storms of faults find it out: a simulation that does not catch them
// proves nothing about the code that it passes.
//
// A mutant is a patch in lab/testdata/mutants, in the unified format. What it breaks
// stands on its first line after "# "; flags of `phyllolab storm` that it needs, as a
// smaller leaf set where it breaks the routing table, on a line after "# storm: ". It is
// applied to copies, which go build -overlay puts in the place of the files. A patch that
// no longer applies is an error: it was made for other code than there is. `make mutants`
// runs all and prints the seed that caught each, with the invariant that was broken;
// a test of this package runs a few of them.
package main
