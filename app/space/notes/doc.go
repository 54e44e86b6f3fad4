// Package notes is what a node writes down of its own part in spaces, so that it can tell, after
// a crash too, what of all that it pays for nobody needs: the changes that it has tried, and the
// contents that wait for a name longer than the node may run. It believes what it is given, and
// says nothing to other nodes.
//
// # Changes
//
// A node may give an object back if no root can come up any more that refers to it. Within one ring
// the roots of a space follow each other in a line, so a root that is current now settles all
// that was tried before it. But parts of a ring that are out of each other's sight may each go on with
// a space, and a node may wander from one to the other. So for each of its changes that a
// root may stand for a node remembers the Attempt, until it sees a root that comes after it. While
// one is missing from the current root (Known is false), a root may stand elsewhere that needs what
// this one does not.
//
// # Contents
//
// A content that is to get its name from another run of the node, as the parts of a long upload, is
// held from the moment on in which its place is given away, until it has its name or is given up.
package notes
