// Package msg has what is signed in groups (charters, passes, batches) and what the nodes
// of a group's tree say to each other. Who reviews what a node believes of bytes from
// outside reads one room, which knows neither overlay nor tree.
//
// Each message checks its own limits when it is read (wire.Checker); signatures are checked
// by Charter.Verify, Charter.Admits and Charter.Allows.
package msg
