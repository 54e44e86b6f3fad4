// Package msg has the messages of app/past: what a client asks a holder, and what holders
// ask each other. They stand below both, so that neither half of storage needs the other to
// be understood, and who reviews what a node believes of bytes from outside reads one room.
//
// Each message checks its own limits when it is read (wire.Checker); signatures are the
// business of who gets it (package certificate).
package msg
