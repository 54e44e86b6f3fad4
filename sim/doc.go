// Package sim drives machines in virtual time: many nodes in one goroutine, on a
// simulated network with simulated faults, deterministically. The machines are
// the very ones that package host drives on real systems.
//
// # Determinism
//
// A simulation is a sequence of events, ordered by (time, sender, sender's count),
// so that the order does not depend on how events are queued. Equal Configs and
// equal calls give equal sequences, whatever the queue's kind and the number of
// processors; Trace is a running hash over them that tests compare. Each node has
// a random source of its own, seeded from (seed, node, life); faults draw from
// another one, so that a node's choices do not move when faults are changed.
//
// A Sim belongs to one goroutine.
//
// # Nodes
//
// A node is handed inputs one at a time. It takes no time over them, unless it was
// made Slow: then inputs wait for it, as they do while it is paused, and messages
// that find too many before them are dropped; timers and results of work, and other inputs,
// are taken in turn. Of the others, messages of class Liveness and what is no message go first,
// much as in package host; of sixteen one is of the rest. The end of a link that stood is of the rest, too, as what came
// over it goes before it, and so is another link in its place; in package host they wait for that link's messages alone.
// A node can crash (its system closes its sockets), die silently (nothing closes), stop
// in order, restart with the next incarnation and what it saved, be paused and woken, and
// have a clock that runs fast or slow or tells the wrong time of day. Nobody is told that
// a node died, except by what links really show.
//
// # Links
//
// With Config.Connections, two nodes that talk have a link. Making one takes a round
// trip more than a message, in which both ends check each other's certificate
// (Spec.Check); each end gets an InPeerUp before the first message. Dials from both
// ends fold into one link. A link ends for
//
//   - DownClosed: the other process ended (crash, stop), one delay ago, or was
//     found to have ended by what was sent over a link that it no longer has;
//   - DownRefused: there is no process at the address, or one with another key,
//     after a round trip; or the node now has a later incarnation than the handle
//     that was sent to (0 means any; a link to the later one is made, or stands,
//     nevertheless);
//   - DownLost: what was sent was not acknowledged for Config.LostAfter, since the
//     other machine is dead or the network is parted; or the other end had lost
//     the link and a new one takes its place;
//   - DownUnreachable: no answer to a dial for Config.DialTimeout, or nobody has
//     such an id;
//   - DownExpelled: a certificate was refused by either end, or this machine
//     dropped the link (DoDrop), of which the other end learns DownOurs;
//   - DownOurs: closed by either end to save links (the least recently used one
//     that its end did not protect, beyond Config.MaxLinks). It says nothing
//     about the peer, so both ends learn that.
//
// One notice comes for a dial, however many messages waited for it. A link is
// reliable and keeps the order of each class, unless faults say otherwise: Drop,
// Duplicate and Reorder strike single messages although TCP or QUIC would repair
// them, because an overlay must not rest on its transport's word. A clog holds
// messages up; a parted path swallows them.
//
// # Bulk transfers
//
// A transfer takes the delay, and a round trip more where no link stands, and then as long
// as Config.Bandwidth lets it: transfers over one path in one direction share that. Chunks
// are read, verified and written at the moment in which they arrive. It breaks off when
// one end's process ends, after Config.LostAfter on a parted path, and after task.Stall
// when an end is paused or silently dead; each end that is there is told. Faults of single
// messages do not strike it, clogs hold it up.
//
// Without Connections, the fast mode for large simulations, there are no links: a
// message takes the delay and arrives at the node whatever its incarnation, no
// InPeerUp and no InPeerDown is ever given, the machine may take the sender of a
// message as certified, all deaths are silent, and Faults.Delay reorders.
//
// # Speed
//
// Where there are many nodes a simulation waits for memory. Each event comes to a node
// that was not touched for long, and reads a dozen things in other places, most of them
// found through the one before: the event, the node, its machine, the sender's handle,
// the index of contacts, a contact, its link, the message, the timers. A link message of
// package pastry takes 1 µs among 200 nodes, which fit into a processor's caches, and
// 3 to 4.5 µs among 10,000. So what is read together lies together: an event fills one
// cache line of 64 bytes, a node two, and events are ordered without touching them.
// "go run ./bench -run sim-" measures a ring, and says beside its figures what a read
// takes on the machine.
//
// What a ring costs that 10,000 nodes join, one in 200 ms, are 500 messages a node: 107 for
// leases, 83 for leaf sets, 110 to measure candidates for tables at the join, 27 more by who
// hears of the newcomer, 75 in the first round of gossip, and 29 announced rows. Each entry of
// a new table is measured once, so there is little to save. Of the time of such a ring of
// 2,500 nodes, which waits for memory less, 27 % went to leaf sets that others sent (by now it
// takes 6 % less in all), 13 % to allocations, 8 % to the slow rounds, and 10 % to what is
// fetched ahead.
//
// A node's 11.4 KiB at the end are 2.6 of contacts, some 84 of 32 bytes, 1.1 of index over
// them, 1.1 of what few of them need besides, 2.0 of its own fields, 0.8 of leaf set, 0.8 of
// table and neighbourhood, 0.6 of what it would start again with, 0.6 of timers that wait,
// 0.8 that it and the simulation keep for its timers and its name, and 1.0 of all else. Half of
// it would need contacts, index and lists that know others by numbers of 4 bytes in place of
// pointers.
//
// In the ring whose speed is measured each node delivers a message a second, and so has short
// leases: 58 % of the link messages are theirs, and 41 % are hops and acknowledgements.
//
// Reads that do not wait for each other take a tenth of that time. So from 1,024 nodes on,
// where a wheel orders the events, the memory that the next seven events will touch is
// fetched while others happen (machine.Foreseer): in six steps, as most addresses are
// found in what the step before has fetched. Among 10,000 nodes it gains a fifth: in turn
// on a quiet machine 299 and 341 thousand messages a second, 253 and 280 before, and a ring that
// grows by joins was built in 21.7 s, in 26.1 s before. Among 200 nodes, who fit into caches,
// a message takes 0.7 µs. To read all cache lines of a machine at the start of its step
// changed nothing: they lie in one page.
package sim
