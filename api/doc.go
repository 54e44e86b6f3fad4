// Package api is the control interface of a node: its types, the interface Node
// that a running node offers, and a Client that offers the same interface over the
// control socket. The command line and the page use nothing else, so whatever they
// can do, a program can do as well.
//
// # On the wire
//
// HTTP/1.1 over a Unix socket in the node's home folder (see Dial), and for the
// page over TCP on loopback. Operations are POST /v1/NAME with a JSON object (none:
// {}) and answer with JSON; those that change nothing and want no arguments answer
// GET too:
//
//	curl --unix-socket ~/.local/share/phyllo/control.sock http://phyllo/v1/status
//
// An error is {"error":{"kind","text"}}, see Error. Unknown fields, duplicate keys
// and anything beyond the limits is refused (package gateway/control). GET
// /v1/events is a stream that does not end by itself, of JSON lines, or of
// server-sent events if the request accepts text/event-stream. GET /metrics is
// Prometheus text, GET /health says 200 if the node is ready.
//
// # Times and numbers
//
// Times are RFC 3339, durations are numbers whose name has the unit (rtt_us,
// wait_ms). Ids are 32 hex digits, rings 64.
//
// # Who is meant
//
// Where a request names one of this node's users, the empty name means its only
// one; if there are several the node answers with kind Usage and lists them. Other
// people are meant by name, or by fingerprint (24 hex digits) if they are only known
// by it.
package api
