// Package portmap has the router of a home open ports for this machine: by UPnP
// (WANIPConnection and WANPPPConnection of internet gateway devices) and by NAT-PMP
// (RFC 6886), whichever answers first. The library behind transport/libp2p can do the
// same, but asks the router anew every 15 to 20 s, which is more than an idle node says
// otherwise, wants another port at each start, leaves one of them open at the end, and
// reads whatever a device cares to send.
//
// Whoever is on the same network can say that he is the router. So what is believed is
// little: an address and a port at which this node may be reached, which others try and
// where they look for its key. A device is asked at the address from which it has
// answered and nowhere else, and of its answers 64 KiB are read.
package portmap

import "time"

// A port is asked for with a lease, and asked for again long before that ends. A router
// that has started anew has forgotten it until then.
const (
	lease = 30 * time.Minute
	renew = 10 * time.Minute
)

// Where no router was found it is looked again, after a while that doubles.
const (
	firstSearch = time.Minute
	lastSearch  = time.Hour
)

const (
	findTime  = 4 * time.Second  // for a router to be found
	workTime  = 10 * time.Second // for all ports to be opened
	closeTime = time.Second      // for them to be closed
)

// tries is how many ports outside are tried if others have them.
const tries = 8
