// Package book is what a node keeps of its membership in the store: which ring it is in,
// admitters, members, expulsions, invitations, and the registers of what was decided once.
// It believes what it is given: signatures are the business of package member.
package book
