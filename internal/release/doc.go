// Command release makes what a release consists of, in the folder dist:
//
//	go run ./internal/release [-o dist] [-version V] [-targets linux/amd64,…] [-check]
//
// For each target an archive with the static program, manual pages, completions and
// the documents that a user needs; for Linux also a Debian package, and the root file
// system of a container beside its Containerfile; and SHA256SUMS of all of them.
//
// The same source gives the same bytes, wherever and whenever it is built with the
// same version of Go: paths are trimmed, times are those of the last commit
// (SOURCE_DATE_EPOCH), owners are root, and lists are sorted. "make reproducible"
// builds twice and compares.
//
// With -check what was made for this system is tried: the Debian package is unpacked
// and its program run, and the container's program is run as its user in its root
// file system and nothing else, until its health check is good.
package main
