// Package fakenode is a node that is only pretended: an api.Node in memory, for tests
// of what talks to a node (the control interface, the command line, the page). It
// has a ring of five that does not exist, people of whom each has one quality that
// a program must cope with (see People), and a clock that stands still until it is
// moved. What it does is the same at each run.
package fakenode
