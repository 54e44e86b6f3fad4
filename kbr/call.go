package kbr

import (
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// DefaultTimeout bounds a request with its retries, unless its options say
// otherwise.
const DefaultTimeout = 30 * time.Second

// grace is added to a task's wait over the request's own time-out, which comes
// first and says more.
const grace = time.Second

func (o Options) wait() time.Duration {
	if o.Timeout > 0 {
		return o.Timeout + grace
	}
	return DefaultTimeout + grace
}

// Call is Endpoint.Request for a task: it gives way until the outcome is there.
func Call(t *task.T, ep Endpoint, key id.ID, payload []byte, o Options) (Answer, error) {
	return task.Await(t, o.wait(), func(resolve func(Answer, error)) {
		ep.Request(key, payload, o, resolve)
	})
}

// CallPeer is Endpoint.Ask for a task.
func CallPeer(t *task.T, ep Endpoint, to *peer.Handle, payload []byte, o Options) (Answer, error) {
	return task.Await(t, o.wait(), func(resolve func(Answer, error)) {
		ep.Ask(to, payload, o, resolve)
	})
}

// CallAll asks several peers at once and gives way until all have answered, until
// enough says that the answers so far will do, or until the time is over. payload
// is called for each peer, as the overlay keeps what it is given.
func CallAll(t *task.T, ep Endpoint, to []*peer.Handle, payload func(i int) []byte, o Options,
	enough func([]task.Result[Answer]) bool) ([]task.Result[Answer], error) {
	return task.Gather(t, o.wait(), len(to), func(i int, resolve func(Answer, error)) {
		ep.Ask(to[i], payload(i), o, resolve)
	}, enough)
}

// Find is Endpoint.Find for a task.
func Find(t *task.T, ep Endpoint, node id.ID) (*peer.Handle, error) {
	return task.Await(t, DefaultTimeout+grace, func(resolve func(*peer.Handle, error)) {
		ep.Find(node, resolve)
	})
}
