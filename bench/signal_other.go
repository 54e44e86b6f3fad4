//go:build !unix

package main

import "errors"

var errNoStop = errors.New("processes cannot be stopped and woken on this system: measure on a Unix")

func (v *victim) stop() error { return errNoStop }
func (v *victim) wake() error { return errNoStop }
