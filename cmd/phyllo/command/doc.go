// Package command is what commands have in common: how many arguments they take, how
// flags are read and refused, what a shell completes, where a passphrase comes from.
// A complaint shows what is wanted.
package command
