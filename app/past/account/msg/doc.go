// Package msg has the messages of app/past/account: what members, keepers and holders say to each other about accounts.
// Who reviews what a node believes of bytes from outside reads one room.
//
// Each message checks its own limits when it is read (wire.Checker); signatures are the business of who gets it
// (package voucher).
package msg
