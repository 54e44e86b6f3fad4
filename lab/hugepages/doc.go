// Package hugepages lets a large simulation lie in huge pages. Each message of one
// comes to a node that was not touched for long, so that its time is that of reading
// memory, of which finding the page of an address is up to a half. Go leaves it to the
// system how large pages are, and most systems give huge ones only to who asks.
package hugepages
