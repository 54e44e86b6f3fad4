// Package pastry is the overlay: Pastry (Rowstron and Druschel, Middleware 2001)
// as MSPastry made it dependable (Castro, Costa, Rowstron, DSN 2004), with leases
// against two claimants, partition healing, and routing around links that do not
// work.
//
// A Node is a pure machine (package machine): inputs with the time in, effects
// out. It shows applications a kbr.Endpoint. Nobody else imports this package but
// the assemblies.
//
// Where to read what:
//
//	leafset.go   leaf set                          Pastry 2001, 2.1
//	table.go     routing table, neighbourhood set  Pastry 2001, 2.1; PNS report
//	route.go     next hop, acknowledgements        Pastry 2001, 2.3; MSPastry 3.2
//	links.go     links that stand are used first, by answers too
//	join.go      joining (seeds.go: by whom)       Pastry 2001, 2.4; MSPastry 3.1; PNS report
//	probe.go     life and death, repair            MSPastry 3.1, figure 2
//	lease.go     who claims a key                  "Consistent key mapping" (TR05-456), changed
//	             (exchange.go: asking and granting; newcomers.go: many at once)
//	upkeep.go    table gossip, self-tuned probes   PNS-CG; MSPastry 4.1
//	heal.go      partition healing                 FreePastry's PartitionHandler
//	move.go      a node whose addresses change
//	relay.go     past broken links                 FreePastry's source routes
//	expel.go     the set of expulsions
//	request.go   requests with an outcome          (served.go: nothing twice)
//	cast.go      broadcast by arcs
//	endpoint.go  the common API                    Dabek et al., IPTPS 2003
//	check.go     views for the checkers of invariants
//	msg          what nodes say to each other
//
// Two rules hold everywhere. What a rumour says of a third node is verified before
// it changes anything (a leaf-set candidate answers first, unless the root names it to a
// newcomer, which claims nothing by it; a named failure is probed). And a message is in the custody of one node, which sends it again, on
// another way if need be, until the next one acknowledged it.
package pastry
