// Package roots is what a space is at one moment, how that is changed, and how what parts of a ring have made of it
// out of each other's sight becomes one again. Whoever asks whether a change can be lost, or what was removed can come
// back, reads one room: it loads and saves nodes of a directory through tree.Store, and knows no storage and no network.
//
// A Root is signed, and frozen. Changes are made in a View of one, which Together makes of a root and its rivals; what
// is made of the view is the next root.
//
//	root.go   what a root says
//	view.go   a directory with changes that are being made to it
//	merge.go  a view of several roots
//	unite.go  what they have under each name, version by version
package roots

import "errors"

var (
	// ErrClash: a name cannot be a file and a folder at once.
	ErrClash = errors.New("a name cannot be a file and a folder at once")
	// ErrGone: nodes of a directory are not there any more. Errors of a tree.Store are this, too, where it has none.
	ErrGone = errors.New("nodes of the space's directory are not there any more")
)
