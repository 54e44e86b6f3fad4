// Package groups has the experiments of groups: how late messages are, what nodes and links
// carry, how fast trees mend, what is read in storms, and how an anycast finds a member.
//
// Where to read what:
//
//	all.go     the list of them
//	groups.go  rings of groups (stress.go: what links carry)
//	wounds.go  trees whose nodes are killed, or fall silent
//	squall.go  storms
//
// The other files hold one experiment each.
package groups
