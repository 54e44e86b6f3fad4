// Command testrun is what "make test" runs: go test with the counting that go
// test does not do. Usage:
//
//	go run ./internal/testrun [-strict] [-plain PACKAGES] [-timeout 10m] [packages]
//
// It shows go test's line for each package and the whole output of what fails,
// names each test that was skipped or never ran, and ends with the plain line
// "N passed, N failed, N skipped". A test with subtests counts by its subtests.
//
// A test that needs a program of others (a browser, a chat client) and does not
// find it calls t.Skip("client missing: …"). Then the last line is
// "N client tests not run: make deps", and the run has still passed: a newcomer
// with Go alone can run the tests. Without a C compiler the race detector
// cannot be used; the tests then run without it, and a line says so.
//
// The packages of -plain are tested without the race detector first, and under it only if they are
// named without dots. A test that is left out in one of the two passes counts by the other; one that fails
// in either has failed.
//
// With -strict, as in .ci/run, nothing is forgiven: a test that was skipped,
// that stands in a test file but did not run (a build tag, a TestMain that gives
// up early, a package that did not build), or a missing race detector fails the
// run. A run in which no test ran fails always.
package main
