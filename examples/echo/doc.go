// Package echo is a whole application on an overlay, as you would write your own:
// copy it, rename it, change it. It answers every text with the same text and
// with the id of the node that answered.
//
// # What you write
//
// A number (Number), by which the messages of your application find it at other
// nodes. Numbers below 256 are phyllo's own.
//
// Messages: plain structs with integer keys (Line). Keys are never used again for
// something else, so that old and new nodes understand each other. What comes from
// outside is decoded by wire.Unmarshal, which refuses what is not in its form; a
// message with rules of its own has a method Check. If you have several messages,
// list them in a wire.Table, which tells them apart.
//
// A type with the four methods of kbr.App. Start hands you the kbr.Endpoint, by
// which you reach the overlay. Deliver brings a message for a key that is nearest
// to your node, or one that was sent to your node. Update tells that a neighbour
// came or went: an application that keeps copies moves them then. Stop is the
// moment for farewells. If you want to see messages that only pass, add Forward.
//
// Methods for your users, such as Say. One that waits takes a *task.T: it reads
// like a blocking call, but only the task waits, and the node goes on.
//
// All this runs on the node's loop, one event at a time. So there are no locks and
// no goroutines, and you must not block: heavy work goes to kbr.Endpoint.Work,
// later things to After.
//
// # Who is asking
//
// kbr.Delivery.Claimed is what a routed message says of its origin. Anybody can
// claim. What changes state, costs storage or is shown to a person must be signed
// inside by its author, or be asked over a direct link (kbr.CallPeer). Echo
// changes nothing and needs neither.
//
// # Where it runs
//
// In a simulation of a thousand nodes (echo_test.go shows how), mounted by
//
//	lab.New(lab.Config{Apps: func(int, sim.NodeEnv) []kbr.Mount {
//		return []kbr.Mount{{Number: echo.Number, App: new(echo.App)}}
//	}})
//
// and, unchanged, on real nodes:
//
//	app := new(echo.App)
//	n, err := node.New(config, node.WithApp(kbr.Mount{Number: echo.Number, App: app}))
//	...
//	err = n.Do(ctx, echo.Number, func(t *task.T, _ kbr.Endpoint) error {
//		line, err := app.Say(t, key, "hello")
//		...
//	})
//
// node_test.go is that program in full: three nodes that found a ring and talk.
package echo
