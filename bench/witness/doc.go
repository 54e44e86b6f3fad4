// Package witness is what is seen of nodes that serve requests and die: a victim is a node in
// a process of its own that is killed, a witness hears of each delivery and tells for how long
// a key was served by nobody, or by two.
package witness
