package libp2p

// Cut closes all that others see of this node, at once and without a farewell, as
// the sudden end of its process does: first the ports, so that nobody who calls back
// is let in by a node that is ending. Close is to be called afterwards.
func (t *Transport) Cut() error {
	t.calls.close()
	return t.host.Network().Close()
}
