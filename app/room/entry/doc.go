// Package entry is what the log of a room is made of: what its members say, and who they
// are, each entry signed by its author over all of its fields and over the hashes of the
// entries that he had seen. It knows neither the log that entries form nor the network.
//
// A room is named by the hash of its first entry, the founding. What is said in a room for
// invited people is sealed with the key of an epoch, which its members have; see Lock. The
// rest (who is a member, which epochs there are) is in clear for those who keep the log.
//
// Entries are frozen once made. Nothing here keeps a reference to bytes that were handed
// in. Signing, verifying and sealing are heavy: they run as work, off the loop.
package entry
