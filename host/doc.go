// Package host runs one machine for real. The loop owns the node: it reads the
// clock, hands the machine one input at a time, and carries out its effects. It has a
// goroutine of its own; while that sleeps, whoever brings something (who reads a link, or
// did work) is the loop for a few inputs, so that no goroutine is woken for
// one. There is one at a time. What comes from elsewhere (frames, timers, results of work, calls of
// edges) waits in an inbox; what takes long (work, saving) goes to goroutines that
// end when there is nothing to do.
//
// # Order
//
// Calls, results of work, timers and the coming and going of links go before
// frames; frames of class Liveness go before others, of which one in sixteen turns
// is kept for them. Within one link and class, order is kept, and the end of a link
// comes after all that it carried. Links take turns, so that a peer that sends much
// delays itself and nobody else.
//
// Per link, at most 256 frames and 128 KiB of each sort wait. A full link blocks
// its reader for the classes App and Upkeep, which pushes back on that peer alone;
// of class Liveness, the oldest frame is dropped and counted.
//
// # How much of one peer
//
// There is no limit on frames in a second: neighbours forward for others, several
// thousand a second where much passes, and a number that lets these pass stops no
// attacker. Frames of class App and Upkeep push back instead, by the room for them,
// just when this node cannot keep up with that peer's share of its turns; who sends
// more than his share delays himself. What costs more than reading it has a rate: of
// questions (wire.Question: they demand an answer, or work) 200 a second are taken of
// one peer, 400 at once after a rest; beyond that its reader waits before each. Ten
// seconds of it without a rest are a flood, which ends the link as bad input does.
//
// # Time
//
// The boot clock is read before each input. If it shows that the process, or its
// machine, stood still for longer than Config.Pause, the machine gets InWake before
// anything that waited meanwhile, timers included.
//
// # Faults
//
// A panic of the machine, of its work or of its saving is a bug: the node stops,
// the stack is logged, Done is closed and Err and Stop say so. A frame that does
// not decode is the sender's fault: it is counted, and that link is closed; three times within a
// minute, and the transport speaks with it no more for one (transport.Transport.Blame).
package host
