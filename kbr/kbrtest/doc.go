// Package kbrtest is an overlay that is not one: for unit tests of applications.
// Its nodes live in one event loop with a virtual clock, and routing is perfect:
// a message for a key comes to the numerically closest node that the sender
// believes to be alive. What an application must bear is there: delays, losses,
// dead nodes, nodes that stop for a while, partitions, links that are missing
// between two nodes, nodes that lie, nodes on the way that lie.
//
// A run is decided by its Config alone: one seed, one trace (see Net.Digest).
//
//	net := kbrtest.New(kbrtest.Config{Seed: 1})
//	a := net.Add(kbrtest.Handle(id.Tiny(10)), kbr.Mount{Number: 300, App: appA})
//	b := net.Add(kbrtest.Handle(id.Tiny(99)), kbr.Mount{Number: 300, App: appB})
//	net.Run(time.Second)
//	err := a.Call(time.Minute, func(t *task.T) error { return appA.Hello(t, b.Self()) })
//
// The methods of Net and Node are called by the test, one at a time; nothing
// moves but in Step, Run, RunUntil and Call. What a test wants to do inside of a
// node stands in Node.Do. Work (see task.Env) runs at once, and its result comes
// after Config.WorkDelay, or never if the node dies first: a test that kills the
// node after each possible number of Steps has tried every crash.
//
// What it does not show: the cost of routing, its errors, and the overlay's own
// messages. For those run the application on pastry in the simulator.
package kbrtest
