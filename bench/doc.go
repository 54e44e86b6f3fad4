// Command bench measures what phyllo promises, and prints it as a table beside its
// goal and beside FreePastry 2.1, Pastry's reference implementation:
//
//	go run ./bench [-run REGEXP] [-quick] [-json FILE] [-page FILE]
//	go run ./bench -list
//
// Each row of the table is a function that measures a few rounds; the best round
// counts, for on a shared machine the others tell of the neighbours. Each row runs in
// a process of its own, so that none inherits another's heap. Rows that take minutes
// run last, side by side.
//
// A row that misses its goal says what bounds it, measured in the same run.
//
// The real links are those of package ring. FreePastry's figures were taken on a
// machine of the same kind (2 cores), its defects that cost most repaired; its links
// are in clear and its objects are not signed.
package main
