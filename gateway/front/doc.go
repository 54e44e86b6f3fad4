// Package front is what the doors for programs of others (S3, WebDAV) have in common:
// where they listen, and what HTTP is let in.
//
// A door listens on loopback, or elsewhere if it has a certificate or was told in so many
// words to speak in clear. On loopback only names of loopback are good as Host, so
// that a page of somebody else's cannot have a browser talk to it by a name of his;
// and from no page at all a browser may change anything.
//
// Headers have at most 32 KiB and 100 lines, within 5 s, addresses 8 KiB. Bodies are as
// large as the door lets them be, and flow: each 64 KiB, or the end, come within a
// minute, in both directions. At most 128 connections stand at a time. Everything
// refused is counted by its kind, and logged once a minute for each.
package front
