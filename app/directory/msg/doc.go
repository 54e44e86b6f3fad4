// Package msg is what nodes of the directory say to each other: questions about who keeps
// a name and what, records to be kept, and how keepers compare theirs. A holder's answer
// that came through another node is signed; nothing else here is, as what is said of names
// is signed in itself (package record).
package msg
