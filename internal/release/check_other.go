//go:build !linux

package main

import "errors"

func (r *release) check() error {
	return errors.New("-check needs Linux: what is tried are a Debian package and a container")
}
