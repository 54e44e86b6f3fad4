// Package ledger is a member's account as one who keeps it has it: its debits, what of them was given back, and what that
// comes to. It knows neither messages nor a disk.
package ledger
