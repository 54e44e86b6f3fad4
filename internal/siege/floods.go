package main

import "context"

// flood is one kind of attack.
type flood struct {
	name string
	what string // one strike, in words
	rate int    // strikes a second, of all attackers together
	// hands is how many strikes go on at once: 50 attackers, or more where a strike
	// is something that stands.
	hands   int
	members int // attackers that are members of the ring
	gather  func(context.Context, *orders) (force, []string, error)
}

// floods are those of RELIABILITY, section 3.
var floods = []flood{
	{name: "slowloris", what: "a connection that gives a byte of a good handshake each second, until it is closed",
		rate: 200, hands: 1000, gather: gatherRaw(trickle)},
	{name: "connects", what: "a connection that ends at once; each tenth with the whole handshake of a stranger",
		rate: 500, hands: 50, gather: gatherStrangers(10, knock)},
	{name: "streams", what: "a stranger's stream that is opened and left standing",
		rate: 500, hands: 50, gather: gatherStrangers(10, openAndLeave)},
	{name: "garbage", what: "64 KiB of chance: before the handshake, on a link's stream, and as 50 packets of UDP",
		rate: 150, hands: 50, gather: gatherStrangers(10, spill)},
	{name: "signed", what: "a message of 1 KiB that a member has sealed and signed, or a new signed record of his name",
		rate: 200, hands: 50, members: members, gather: gatherMembers(write)},
	{name: "fan-out", what: "a member's question for a name that nobody has, or for the way to a key of chance",
		rate: 500, hands: 200, members: members, gather: gatherMembers(ask)},
	{name: "replays", what: "a frame that a member has sent before",
		rate: 5000, hands: 50, members: members, gather: gatherMembers(again)},
	{name: "http", what: "a request to the page: 1 MiB of headers, 10,000 headers, 64 KiB of address, 2 MiB of body, a body that does not come, 1,000 ranges; each tenth to the control socket",
		rate: 200, hands: 200, gather: gatherRaw(overdo)},
}

func floodNamed(name string) *flood {
	for i := range floods {
		if floods[i].name == name {
			return &floods[i]
		}
	}
	return nil
}

func floodNames() []string {
	var out []string
	for _, f := range floods {
		out = append(out, f.name)
	}
	return out
}
