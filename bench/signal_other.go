//go:build !unix

package main

import (
	"errors"

	"github.com/phyllo-net/phyllo/bench/witness"
)

var errNoStop = errors.New("processes cannot be stopped and woken on this system: measure on a Unix")

func stop(*witness.Victim) error { return errNoStop }
func wake(*witness.Victim) error { return errNoStop }
