// Package msg has the link messages of package pastry: what nodes of the overlay say to
// each other. It is below all that decides, so that who reviews what a node believes of
// bytes from outside reads one room.
//
// Each message checks its own limits when it is read (wire.Checker). Those that carry what
// applications send are coded by hand as well (coded.go), which is measured by
// BenchmarkCoding and held to the codec's result by tests. Messages are frozen once they
// are sent: those on the way share bodies, handles and lists.
package msg
