// Package ring is a ring of real nodes in one process, on loopback, to measure: the
// assembly of package node with its transport and its applications, formed by
// invitations as people form theirs. What a measurement would only meet as noise is
// left away: records are kept in memory, unless the disk is what is measured, and there is
// no control socket, no page and no search of the local network.
//
//	r, err := ring.Start(ctx, 50, ring.Options{Transport: ring.TCP})
//	…
//	err = r.Nodes()[3].Do(ctx, func(t *task.T, ep kbr.Endpoint) error { … })
//	…
//	err = r.Stop(ctx)
package ring
